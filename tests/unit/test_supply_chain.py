"""The image's lock files: whole, with hashes, and of the versions that pyproject.toml names."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DIRECT = PROJECT["project"]["dependencies"]
WANTED = {
    "requirements.txt": DIRECT,
    "requirements-tracing.txt": DIRECT + PROJECT["project"]["optional-dependencies"]["tracing"],
    "requirements-build.txt": PROJECT["build-system"]["requires"],
}
DOCKERFILE = (ROOT / "steps" / "Dockerfile").read_text()


def locked(file: str) -> dict[str, str]:
    """The versions of a lock file, by name."""
    found = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "steps" / file).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize("file", WANTED)
def test_every_locked_package_has_hashes(file: str) -> None:
    entries = re.split(r"^(?=[\w])", (ROOT / "steps" / file).read_text(), flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked(file))
    assert [entry for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry)] == []


@pytest.mark.parametrize("file", WANTED)
def test_the_lock_has_the_versions_of_pyproject(file: str) -> None:
    for each in map(Requirement, WANTED[file]):
        assert f"=={locked(file)[canonicalize_name(each.name)]}" == str(each.specifier), "run make lock"


@pytest.mark.parametrize("file", WANTED)
def test_the_lock_has_everything_that_its_packages_require(file: str) -> None:
    versions = locked(file)
    for name in versions:
        try:
            requires = metadata.requires(name) or ()
        except metadata.PackageNotFoundError:
            continue  # of another platform
        applies = [
            each for each in map(Requirement, requires) if not each.marker or each.marker.evaluate({"extra": ""})
        ]
        assert {canonicalize_name(each.name) for each in applies} <= set(versions), name


def test_neither_the_generator_nor_the_build_backend_is_locked_into_the_image() -> None:
    generator = {Requirement(each).name for each in PROJECT["project"]["optional-dependencies"]["generate"]}
    for file in ("requirements.txt", "requirements-tracing.txt"):
        assert {canonicalize_name(name) for name in (*generator, "hatchling")} & set(locked(file)) == set()


def test_every_installation_in_the_image_uses_the_lock() -> None:
    installs = re.findall(r"pip install (.*?) \\\n", DOCKERFILE)
    assert len(installs) == 3
    for each in installs:
        assert "--require-hashes" in each or {"--no-deps", "--no-build-isolation"} <= set(each.split()), each


def test_no_file_of_the_supply_chain_names_a_host() -> None:
    for file in (*WANTED, "Dockerfile", "build-image.sh", "lock.sh"):
        assert re.findall(r"https?://|--index-url|--extra-index", (ROOT / "steps" / file).read_text()) == [], file


def test_the_image_runs_as_a_user_without_rights_and_says_what_it_is() -> None:
    assert re.search(r"^USER 8737:8737$", DOCKERFILE, re.MULTILINE)
    labels = set(re.findall(r"org\.opencontainers\.image\.([a-z.]+)=", DOCKERFILE))
    assert labels == {"title", "licenses", "version", "revision", "base.name"}
    assert f'version="{PROJECT["project"]["version"]}"' in DOCKERFILE


def test_bytecode_does_not_hold_the_time_of_the_build() -> None:
    assert "compileall -q -f --invalidation-mode unchecked-hash" in DOCKERFILE
