"""Settings files of older versions: what is understood, and what is said."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.main import main
from pipelines.settings import read_settings
from pipelines.settings.older_settings import CHANGES, KeyChange, from_older_version
from pipelines.settings.packaged import default_values, example_text
from steps.core.errors import BadInputError, Exit
from tests.support.harness import DEFAULTS
from tests.support.settings_files import whole_text

MOVED = KeyChange(old="push.every", new="every", advice="rename it", convert=lambda value: [value])
INSIDE = KeyChange(old="stop.wait_s", new="lease.wait_s", advice="rename it")
REMOVED = KeyChange(old="stop.gone", advice="remove it")
MADE_UP = (MOVED, INSIDE, REMOVED)


def test_a_file_with_the_keys_of_an_older_version_gives_the_same_settings(tmp_path: Path) -> None:
    text = whole_text()
    for heading in ("[lease]", "[github]"):
        text = text.replace(f"{heading}\n", f'{heading}\nhandover = "/tmp/x"\n')
    (tmp_path / "settings.toml").write_text(text)
    said: list[str] = []
    assert read_settings(tmp_path / "settings.toml", say=said.append) == DEFAULTS
    assert [each.partition(": ")[2].partition(" is ")[0] for each in said] == ["lease.handover", "github.handover"]


def test_the_file_of_a_version_that_required_every_key_is_read_as_before() -> None:
    said: list[str] = []
    settings = read_settings(Path(__file__).parent / "older" / "every_key_required.toml", say=said.append)
    (task,) = settings.tasks
    assert [task.text_of(branch) for branch in ("task-7", "feature/task-7-fix", "task-0")] == ["7", "7", ""]
    runbook = settings.observability.runbook
    assert runbook.endswith("/docs/operations.md")
    observability = replace(DEFAULTS.observability, runbook=runbook)
    assert replace(DEFAULTS, tasks=settings.tasks, observability=observability) == settings
    assert [each.partition(": ")[2].split()[0] for each in said] == ["push.branch", "observability.unheard_events"]


def test_the_older_pattern_of_a_branch_is_read_as_a_task_and_reported(tmp_path: Path) -> None:
    more = "\n[push]\nbranch = 'refs/heads/task-([1-9][0-9]{0,8})'\n"
    (tmp_path / "settings.toml").write_text(example_text() + more)
    said: list[str] = []
    (task,) = read_settings(tmp_path / "settings.toml", say=said.append).tasks
    assert (task.branch, task.text_of("task-7")) == ("task-([1-9][0-9]{0,8})", "7")
    (note,) = said
    assert "push.branch has moved to tasks: move it to [[tasks]]" in note


def test_each_change_is_reported_by_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(f"{example_text()}\n[lease]\nhandover = '/tmp/lease'\n")
    assert main(("render", "--settings", str(path), "--output", str(tmp_path / "rendered"))) == Exit.DONE
    assert f"{path}: lease.handover is no longer used: remove it" in capsys.readouterr().err


def test_a_current_file_causes_no_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.toml").write_text(example_text())
    read_settings(tmp_path / "settings.toml")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.old)
def test_a_changed_key_is_not_a_current_key(change: KeyChange) -> None:
    table, _, key = change.old.partition(".")
    assert key not in default_values().get(table, {})


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"push": {"every": "x", "other": 1}}, {"push": {"other": 1}, "every": ["x"]}, 1),
        ({"stop": {"wait_s": 1}}, {"stop": {}, "lease": {"wait_s": 1}}, 1),
        ({"stop": {"wait_s": 1, "gone": 2}, "lease": {"a": 2}}, {"stop": {}, "lease": {"a": 2, "wait_s": 1}}, 2),
        ({"stop": "odd", "push": [1]}, {"stop": "odd", "push": [1]}, 0),
        ({}, {}, 0),
    ],
)
def test_a_key_that_moved_keeps_its_value(before: dict[str, Any], after: dict[str, Any], said: int) -> None:
    kept = copy.deepcopy(before)
    found, notes = from_older_version(before, source="a file", changes=MADE_UP)
    assert (found, len(notes)) == (after, said)
    assert before == kept, "the user's own values are not changed"


@pytest.mark.parametrize(
    "values",
    [
        {"push": {"every": "x"}, "every": ["y"]},
        {"stop": {"wait_s": 1}, "lease": {"wait_s": 2}},
        {"stop": {"wait_s": 1}, "lease": "odd"},
    ],
)
def test_a_key_in_both_places_is_an_error(values: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match=r"a file: [a-z._]+ is the older name of [a-z._]+: remove it"):
        from_older_version(values, source="a file", changes=MADE_UP)
