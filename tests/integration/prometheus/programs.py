"""Prometheus' own programs, `promtool` and `prometheus`: those on PATH, or those of Debian's package, unpacked aside.

Guarantees: nothing is installed and no daemon is started; the package is fetched once and kept in the cache.
Not guaranteed: anything on a machine that has neither the programs nor apt.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from tests.schemas.cache import Unavailable, entry

_PACKAGE = "prometheus"


def program(name: str) -> Path:
    """Give one of the programs.

    Raises:
        Unavailable: It is neither here nor to be had.
    """
    if found := shutil.which(name):
        return Path(found)
    release = platform.freedesktop_os_release()
    return entry(f"{_PACKAGE}-{release['ID']}-{release.get('VERSION_ID', '')}", build=_unpack) / "usr" / "bin" / name


def _unpack(folder: Path) -> None:
    if shutil.which("apt-get") is None:
        raise Unavailable("install Prometheus, whose promtool checks the alerts: there is no apt-get here to fetch it")
    # Not installed: Debian's package would start a daemon.
    if _failed("apt-get", "download", "-qq", _PACKAGE, folder=folder):
        if os.geteuid() == 0:
            _failed("apt-get", "update", "-qq", folder=folder)
        if problem := _failed("apt-get", "download", "-qq", _PACKAGE, folder=folder):
            raise Unavailable(f"apt-get download {_PACKAGE} failed (as root: apt-get update): {problem}")
    for package in list(folder.glob("*.deb")):
        if problem := _failed("dpkg-deb", "--extract", str(package), str(folder), folder=folder):
            raise Unavailable(f"{package.name} cannot be unpacked: {problem}")
        package.unlink()


def _failed(*command: str, folder: Path) -> str:
    """What a command said if it failed; nothing if it did not."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    return (done.stderr or "no reason given").strip()[-500:] if done.returncode else ""
