"""The report of a push: an output of its Workflow, for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.cancellation.report import completed_report
from steps.domain import LABEL_TEXT, LabelOutcome
from steps.telemetry.measurements import REPORT
from tests.doubles.platform.runs import REX, TESS
from tests.support.harness import NEW, NEWER, Scene


def reported(scene: Scene, *, sha: str = NEW, dry_run: bool = False) -> list[str]:
    """The report of the push's one pod, line by line."""
    scene.attempt(scene.workflow(sha=sha, dry_run=dry_run), pod="measured")
    return scene.measured["measured"].values[REPORT].splitlines()


@pytest.fixture
def pushed(scene: Scene) -> Scene:
    """A push that makes one agent stale and leaves an exempt one alone."""
    scene.agent(agent=TESS, name="tess")
    scene.agent(agent=REX, name="rex")
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    return scene


def test_it_names_stopped_and_kept_runs_and_the_reasons(pushed: Scene) -> None:
    assert reported(pushed) == [
        f"push {NEW[:12]} to task-7-work: 1 stopped, 1 kept; labels moved",
        "  stopped  coderuns/tess of 5DLabs-Tess: object, Job and pods are gone",
        "  kept  coderuns/rex of 5DLabs-Rex: exempt agent",
    ]


def test_a_dry_run_names_what_would_be_stopped(pushed: Scene) -> None:
    assert reported(pushed, dry_run=True) == [
        f"push {NEW[:12]} to task-7-work: 1 would be stopped, 1 kept; labels would be moved; nothing was done",
        "  would be stopped  coderuns/tess of 5DLabs-Tess",
        "  kept  coderuns/rex of 5DLabs-Rex: exempt agent",
    ]


def test_the_report_of_a_superseded_push_is_one_line(pushed: Scene) -> None:
    first = pushed.workflow()
    pushed.later(2)
    pushed.github.push("task-7-work", NEWER)
    reported(pushed, sha=NEWER)
    assert pushed.attempt(first, pod="late") == 0
    assert pushed.measured["late"].values[REPORT] == ("nothing to do: this push or a newer one is finished")


def test_it_stays_small_and_has_nothing_in_it_that_acts(pushed: Scene) -> None:
    reported(pushed)
    record = pushed.record()
    agent = replace(record.agents[0], reason="{{workflow.parameters.secret}}\n\x1b[2J" + "x" * 1000)
    text = completed_report(replace(record, agents=(agent,) * 500))
    assert len(text) < 5000
    assert text.splitlines()[-1] == "  and 480 more: see the record"
    assert not set("{}\x1b") & set(text)


@pytest.mark.parametrize("labels", list(LabelOutcome))
def test_the_report_has_the_outcome_of_the_labels(pushed: Scene, labels: LabelOutcome) -> None:
    reported(pushed)
    assert LABEL_TEXT[labels] in completed_report(replace(pushed.record(), labels=labels))
