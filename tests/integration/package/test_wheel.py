"""The wheel in an empty environment and an empty folder, and what makes a release equal to itself."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from pipelines.cli.main import EXTRAS
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import find_drift
from pipelines.settings.packaged import example_text
from tests.integration.control_plane.binaries import find
from tests.integration.package.fixtures import ROOT, Tool, build
from tests.support.harness import DEFAULTS

# The first run on a machine downloads what the wheel requires.
pytestmark = pytest.mark.timeout(600)

# The names that RFC 2606 keeps for examples: nobody can reach them.
RESERVED = re.compile(r"[./]example(\.(com|net|org))?(/|$)")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_render_needs_nothing_but_the_wheel(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(example_text())
    ran = tool.run("render", folder=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert find_drift(render_files(DEFAULTS), output=tmp_path / "rendered") == []
    assert tool.run("render", "--check", folder=tmp_path).returncode == 0


def test_the_installed_code_is_the_wheels(tool: Tool, tmp_path: Path) -> None:
    ran = tool.run("-c", "import pipelines, steps; print(steps.__file__)", folder=tmp_path, program="python")
    assert ran.stdout.startswith(str(tool.environment))
    assert tool.run("--version", folder=tmp_path).stdout.strip() == PROJECT["version"]


def test_kubectl_runs_it_as_a_plugin(tool: Tool, tmp_path: Path) -> None:
    ran = tool.run("agent-cancellation", "--version", folder=tmp_path, program=str(find().kubectl))
    assert (ran.returncode, ran.stdout.strip()) == (0, PROJECT["version"])


def test_kubectl_completes_the_words_of_the_plugin(tool: Tool, tmp_path: Path) -> None:
    """By its own `__complete`, which a shell's completion script calls."""
    ran = tool.run("__complete", "agent-cancellation", "re", folder=tmp_path, program=str(find().kubectl))
    assert (ran.returncode, ran.stdout.splitlines()) == (0, ["reconcile", "register", "render", ":4"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_in_the_wheel(tool: Tool, tmp_path: Path, shell: str) -> None:
    ran = tool.run("completion", shell, folder=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "reconcile" in ran.stdout


@pytest.mark.parametrize(
    "command",
    [("render",), ("status",), ("doctor",), ("explain", "7"), ("reconcile", "--dry-run"), ("completion", "bash")],
    ids=lambda each: each[0],
)
def test_without_the_extra_one_sentence_names_it(bare_tool: Tool, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "settings.toml").write_text(example_text())
    ran = bare_tool.run(*command, folder=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (65, "", 1)
    assert "install agent-cancellation[generate]" in ran.stderr


def test_every_package_of_the_extra_is_named_with_it(bare_tool: Tool, tmp_path: Path) -> None:
    """Each import of the generator that the bare wheel does not satisfy has its extra in `EXTRAS`."""
    imported = {
        name.partition(".")[0]
        for path in (ROOT / "pipelines").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    program = "import sys, importlib.util as u; print(*(n for n in sys.argv[1:] if not u.find_spec(n)))"
    ran = bare_tool.run("-c", program, *sorted(imported), folder=tmp_path, program="python")
    missing = set(ran.stdout.split())
    assert "hera" in missing
    assert missing <= EXTRAS.keys()


def test_the_wheel_has_what_the_code_reads_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder in ("steps", "pipelines"):
        assert f"{folder}/py.typed" in names
    listing = ["git", "ls-files", "steps", "pipelines"]
    tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode == 0:
        assert set(tracked.stdout.splitlines()) <= names
    assert not [name for name in names if name.startswith(("tests", "docs", "rendered")) or "__pycache__" in name]


def test_the_metadata_is_complete(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = message_from_string(archive.read(name).decode())
    for key in ("Summary", "License-Expression", "Requires-Python", "Keywords", "Description-Content-Type"):
        assert metadata[key], key
    links = {each.partition(",")[0]: each for each in metadata.get_all("Project-URL", [])}
    assert links.keys() == PROJECT.get("urls", {}).keys()
    assert [each for each in links.values() if RESERVED.search(each)] == []
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert set(EXTRAS.values()) <= set(metadata.get_all("Provides-Extra", []))


def test_equal_sources_give_equal_bytes_whatever_the_clock_and_the_modes(wheel: Path, tmp_path: Path) -> None:
    """Twice: from this folder, and from a copy with other times, other modes and foreign files."""
    copy = tmp_path / "copy"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".venv", ".git", ".*_cache", ".hypothesis", "__pycache__", "dist")
    )
    (copy / "notes.txt").write_text("not of the release")
    for path in copy.rglob("*"):
        if path.is_file():
            path.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert build("wheel", source=copy, output=tmp_path / "wheel").read_bytes() == wheel.read_bytes()
    archives = [build("sdist", source=source, output=tmp_path / f"sdist-{source.name}") for source in (ROOT, copy)]
    assert archives[0].read_bytes() == archives[1].read_bytes()

    with tarfile.open(archives[0]) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert not (unpacked / "notes.txt").exists()
    copied = re.findall(r"^COPY ((?:\S+ )+)\S+$", (unpacked / "steps" / "Dockerfile").read_text(), re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (unpacked / name).exists()] == [], "for the image"
    assert len(copied) == 2
    assert build("wheel", source=unpacked, output=tmp_path / "again").read_bytes() == wheel.read_bytes()
