"""Debian packages that the cluster needs: the container runtime and what builds images.

Guarantees: only what is missing is installed. Not guaranteed: anything on a machine without apt.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.provision.folders import say

# A program (or file) and the package that has it.
_NEEDED = {
    "containerd": "containerd",
    "runc": "runc",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}


class PackagesMissingError(Exception):
    """A program is missing and cannot be installed."""


def install_packages(needed: Mapping[str, str] = _NEEDED) -> None:
    """Install what is missing.

    Args:
        needed: Packages by a program (or file) that they have.

    Raises:
        PackagesMissingError: There is no apt, or it failed.
    """
    missing = sorted({package for program, package in needed.items() if not _is_there(program)})
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise PackagesMissingError(f"install {', '.join(missing)}: there is no apt-get here to do it with")
    say(f"installing {', '.join(missing)}")
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    for command in (["apt-get", "update", "-qq"], install):
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            raise PackagesMissingError(f"{' '.join(command)} failed")


def _is_there(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None
