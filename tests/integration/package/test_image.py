"""What the Dockerfile's instructions put into the image: the locked packages, the same bytes each time."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest

from tests.integration.package.fixtures import ROOT
from tests.tools.bench.image import build


def contents(environment: Path) -> dict[str, str]:
    """Every file's digest, by its path."""
    return {
        str(file.relative_to(environment)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in environment.rglob("*")
        if file.is_file() and not file.is_symlink()
    }


def bytecode_with_a_time(environment: Path) -> list[str]:
    """Files of bytecode that hold the time of their source, not its hash (PEP 552: the word after the magic number)."""
    return [each.name for each in environment.rglob("*.pyc") if each.read_bytes()[4:8] != b"\1\0\0\0"]


# The first run on a machine downloads what the image has.
@pytest.mark.timeout(180)
def test_two_builds_have_the_locked_packages_and_equal_bytes(tmp_path: Path) -> None:
    # In one place, since bytecode names its source's path, as in the image.
    folder = tmp_path / "image"
    found = []
    for _ in range(2):
        folder.mkdir()
        environment = build(folder, extras="")
        found.append(contents(environment))
        assert bytecode_with_a_time(environment) == []
        packages = {each.name for each in environment.glob("lib/python*/site-packages/*.dist-info")}
        shutil.rmtree(folder)
    assert {name for name in found[0] if found[0][name] != found[1].get(name)} == set()
    assert set(found[0]) == set(found[1])

    lock = (ROOT / "steps" / "requirements.txt").read_text()
    locked = {
        f"{name}-{version}".replace("-", "_").lower()
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)
    }
    installed = {name.removesuffix(".dist-info").replace("-", "_").lower() for name in packages}
    assert {name for name in installed if not name.startswith("agent_cancellation_")} <= locked
