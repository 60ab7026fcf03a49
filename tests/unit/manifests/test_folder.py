"""The rendered folder: what is in the way, and what an interruption leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.cli.main import main
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import HEADER, find_drift, write_files
from steps.core.errors import BadInputError, Exit
from tests.support.harness import DEFAULTS
from tests.support.settings_files import write_settings

BEFORE = render_files(DEFAULTS)
AFTER = render_files(replace(DEFAULTS, namespaces=replace(DEFAULTS.namespaces, workflows="elsewhere")))


def texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("kustomization.yaml", "resources: [mine.yaml]\n"),
        ("workflows/configmap-cancel-agents-limits.yaml", "kind: ConfigMap\n"),
        ("observability/dashboard.json", '{"uid": "mine"}'),
        ("observability/dashboard.json", "no JSON"),
        ("kustomization.yaml", ""),
    ],
)
def test_a_foreign_file_is_never_replaced(tmp_path: Path, path: str, text: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    with pytest.raises(BadInputError, match=f"{path}: not written by render: give another folder"):
        write_files(BEFORE, output=tmp_path)
    assert texts(tmp_path) == {path: text}


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").mkdir()
    with pytest.raises(BadInputError, match=r"kustomization\.yaml: not written by render"):
        write_files(BEFORE, output=tmp_path)


def test_what_render_wrote_is_replaced_also_with_windows_line_ends(tmp_path: Path) -> None:
    write_files(BEFORE, output=tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    write_files(AFTER, output=tmp_path)
    assert texts(tmp_path) == AFTER


def test_foreign_files_beside_stay(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    write_files(BEFORE, output=tmp_path)
    write_files(AFTER, output=tmp_path)
    assert texts(tmp_path) == AFTER | {"README.md": "mine"}


class Stopped(BaseException):
    """The process ends here."""


def interrupted(output: Path, monkeypatch: pytest.MonkeyPatch, *, after: int) -> bool:
    """Render, but stop at a change of the file system; whether it was stopped."""
    done = 0
    real = {name: getattr(Path, name) for name in ("replace", "unlink")}

    def counted(name: str) -> object:
        def change(self: Path, *arguments: object, **options: object) -> object:
            nonlocal done
            if done == after:
                raise Stopped
            done += 1
            return real[name](self, *arguments, **options)

        return change

    with monkeypatch.context() as patch:
        for name in real:
            patch.setattr(Path, name, counted(name))
        try:
            write_files(AFTER, output=output)
        except Stopped:
            return True
    return False


def test_wherever_it_is_interrupted_no_mixture_can_be_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    after = 0
    while True:
        output = tmp_path / str(after)
        write_files(BEFORE, output=output)
        stopped = interrupted(output, monkeypatch, after=after)
        found = {path: text for path, text in texts(output).items() if not path.endswith(".render-staged")}
        whole = [{path: found.get(path) for path in files} == files for files in (BEFORE, AFTER)]
        assert any(whole) or "interrupted-render-run-it-again.yaml" in found["kustomization.yaml"]
        write_files(AFTER, output=output)
        assert texts(output) == AFTER, "the next render repairs it"
        shutil.rmtree(output)
        if not stopped:
            break
        after += 1
    assert after > len([path for path in AFTER if AFTER[path] != BEFORE.get(path)])


def test_kustomize_refuses_a_folder_whose_render_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("there is no kubectl here")
    write_files(BEFORE, output=tmp_path)

    def built() -> subprocess.CompletedProcess[str]:
        return subprocess.run([kubectl, "kustomize", str(tmp_path)], capture_output=True, text=True, check=False)

    assert built().returncode == 0
    assert interrupted(tmp_path, monkeypatch, after=5)
    assert built().returncode != 0
    assert "interrupted-render-run-it-again.yaml" in built().stderr


def test_an_error_before_the_first_change_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(BEFORE, output=tmp_path)
    real, synced = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        if synced == 7:
            raise OSError(28, "No space left on device", "a file")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_files(AFTER, output=tmp_path)
    assert texts(tmp_path) == BEFORE


def test_rendering_the_same_again_touches_no_file(tmp_path: Path) -> None:
    write_files(BEFORE, output=tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    write_files(BEFORE, output=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times
    assert find_drift(BEFORE, output=tmp_path) == []


def test_the_command_names_what_is_in_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path)
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    assert main(("render", "--settings", str(settings), "--output", str(tmp_path))) == Exit.BAD_INPUT
    assert "kustomization.yaml: not written by render" in capsys.readouterr().err
    assert HEADER not in (tmp_path / "kustomization.yaml").read_text()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no folder here in which root may not write")
def test_a_read_only_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = write_settings(tmp_path)
    assert main(("render", "--settings", str(settings), "--output", "/proc/rendered")) == Exit.BAD_INPUT
    assert "give a folder that can be written by --output" in capsys.readouterr().err
