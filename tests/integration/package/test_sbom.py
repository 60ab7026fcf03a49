"""The SBOM of the image: what the lock file has, valid, and the same bytes each time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from pipelines.sbom import SbomError, merge
from tests.integration.package.fixtures import ROOT

# The first run on a machine downloads what the image has.
pytestmark = pytest.mark.timeout(180)

LOCK = ROOT / "steps" / "requirements.txt"
WHEN = "1700000000"


VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()))
"""


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with the extra `sbom` and pip, as `make sbom` makes it."""
    environment = tmp_path_factory.mktemp("sbom") / "environment"
    venv.create(environment, with_pip=True, symlinks=True)
    program = str(environment / "bin" / "python")
    subprocess.run([program, "-m", "pip", "install", "--quiet", f"{wheel}[sbom]"], check=True)
    return program


def write(python: str, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [python, "-m", "pipelines.sbom", "--output", str(output), *options]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": WHEN}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def sbom(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SBOM of the image as it is built without extras."""
    path = tmp_path_factory.mktemp("sbom") / "new" / "image.cdx.json"
    ran = write(python, path)
    assert (ran.returncode, ran.stderr) == (0, "")
    return path


def locked() -> dict[str, set[str]]:
    """The hashes of each package of the lock file, by purl."""
    entries = re.split(r"^(?=\w)", LOCK.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for entry in entries:
        name, version = re.findall(r"^([\w.-]+)==(\S+)", entry)[0]
        found[f"pkg:pypi/{name}@{version}"] = set(re.findall(r"sha256:([0-9a-f]{64})", entry))
    return found


def hashes(component: dict[str, Any]) -> set[str]:
    references = (each for each in component["externalReferences"] if each["type"] == "distribution")
    return {each["content"] for reference in references for each in reference.get("hashes", [])}


def test_the_sbom_has_the_packages_of_the_lock_with_their_hashes_and_licences(sbom: Path) -> None:
    found = {each["purl"]: each for each in json.loads(sbom.read_text())["components"]}
    assert {purl: hashes(each) for purl, each in found.items()} == locked()
    assert [purl for purl, each in found.items() if not each.get("licenses")] == []
    assert [purl for purl, each in found.items() if f"@{each['version']}" not in purl] == []


def test_the_sbom_fits_the_schema_and_says_what_needs_what(python: str, sbom: Path) -> None:
    text = sbom.read_text()
    ran = subprocess.run([python, "-c", VALIDATE], input=text, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "None"
    document = json.loads(text)
    needs = {each["ref"].partition("@")[0]: each["dependsOn"] for each in document["dependencies"]}
    assert "pkg:pypi/requests" in {each.partition("@")[0] for each in needs["pkg:pypi/pygithub"]}
    direct = {each.partition("@")[0] for each in needs["root-component"]}
    assert direct == {f"pkg:pypi/{name}" for name in ("jinja2", "pydantic", "pygithub", "urllib3")}
    assert "serialNumber" not in document
    assert document["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"


def test_unknown_extras_are_an_error_that_names_them(tmp_path: Path) -> None:
    ran = write(sys.executable, tmp_path / "none.json", "--extras", "colour")
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (65, "", 1)
    assert "EXTRAS=colour: there is no steps/requirements-colour.txt" in ran.stderr
    assert not (tmp_path / "none.json").exists()


def test_a_package_that_the_lock_has_not_is_an_error_that_names_it() -> None:
    installed = {"components": [{"purl": "pkg:pypi/stranger@1.0", "bom-ref": "x"}], "dependencies": []}
    with pytest.raises(SbomError, match=r"pkg:pypi/stranger@1\.0; run make lock"):
        merge(locked={"components": []}, installed=installed)


@pytest.fixture
def builder(tmp_path: Path) -> dict[str, str]:
    """An environment whose docker builds every image at once, and whose Python has no cyclonedx-bom."""
    for name, text in {"docker": "exit 0", "python": f'exec {sys.executable} -S -E "$@"'}.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "BASE_IMAGE": f"base@sha256:{'0' * 64}"}


def build_image(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "steps" / "build-image.sh")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_two_sboms_of_one_lock_are_equal(builder: dict[str, str], python: str, sbom: Path, tmp_path: Path) -> None:
    # The second one by the script that builds the image.
    written = tmp_path / "made" / "image.cdx.json"
    ran = build_image({**builder, "PYTHON": python, "SBOM": str(written), "SOURCE_DATE_EPOCH": WHEN})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert written.read_bytes() == sbom.read_bytes()
    assert str(Path.home()) not in sbom.read_text()


def test_without_the_tool_the_image_is_built_and_one_sentence_names_it(builder: dict[str, str], tmp_path: Path) -> None:
    python = str(tmp_path / "bin" / "python")
    ran = build_image({**builder, "PYTHON": python, "SBOM": str(tmp_path / "image.cdx.json")})
    assert ran.returncode == 0
    assert "the package cyclonedx-bom is missing: run make sbom" in ran.stderr
    assert "was built, but" in ran.stderr
    assert not (tmp_path / "image.cdx.json").exists()


def test_an_empty_name_asks_for_no_sbom(builder: dict[str, str]) -> None:
    ran = build_image({**builder, "PYTHON": "/no/python", "SBOM": ""})
    assert (ran.returncode, ran.stderr) == (0, "")
