"""`explain --dry-run`: the first thing that a new user runs after `render`."""

from __future__ import annotations

import json

import pytest

from pipelines.cli.main import main
from steps.core.errors import Exit


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")


def test_a_branch_of_a_task_is_explained_without_a_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("explain", "--dry-run", "5dlabs/cto", "feature/task-42-fix")) == Exit.DONE
    out = " ".join(capsys.readouterr().out.split())
    assert "The Sensor creates a Workflow: the event counts as push" in out
    assert "Task 42 of 5dlabs/cto." in out
    assert "The runs of the task are not known" in out


def test_a_branch_of_no_task_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("explain", "--dry-run", "5dlabs/cto", "main")) == Exit.BUG
    out = " ".join(capsys.readouterr().out.split())
    assert "The Sensor drops the event: body.ref is 'refs/heads/main'; [[tasks]] does not allow it." in out
    assert "belongs to no task" in out


def test_json_is_the_format_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("explain", "--dry-run", "--json", "acme/web", "task-7")) == Exit.BUG
    found = json.loads(capsys.readouterr().out)
    assert (found["event"], found["task"], found["runs"]) == (None, "7", None)
    assert [each["setting"] for each in found["dropped_by"]] == ["events.repositories"]


@pytest.mark.parametrize("command", [("explain", "7", "8"), ("explain", "--dry-run", "a", "b", "c"), ("explain", "7!")])
def test_a_wrong_number_of_arguments_is_refused(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    assert main(command) == Exit.BAD_INPUT
    assert "explain" in capsys.readouterr().err
