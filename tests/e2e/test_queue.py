"""Pushes to one task that wait for each other: the newest is next, and answers the others."""

from __future__ import annotations

from steps.cancellation.workflow import SUPERSEDED_BY
from tests.e2e.support.moments import in_cancel, next_second, submitted
from tests.e2e.support.outcome import settled
from tests.e2e.support.pods import executions
from tests.e2e.support.stage import Stage


def test_of_the_pushes_that_wait_the_newest_is_next_and_ends_the_others(stage: Stage) -> None:
    first = in_cancel(stage)
    waiting = []
    for number in (2, 3, 4):
        next_second()
        waiting.append(submitted(stage, stage.push(number)))
    *older, newest = waiting
    stage.all_ended()
    found = {each["metadata"]["name"]: each for each in stage.workflows()}
    assert {name: each["status"]["phase"] for name, each in found.items()} == {
        first: "Succeeded",
        newest: "Succeeded",
        **dict.fromkeys(older, "Failed"),
    }
    assert [found[name]["metadata"]["labels"].get(SUPERSEDED_BY) for name in older] == [newest] * len(older)
    assert len(executions(list(found.values()))) == 2
    settled(stage, number=4)
