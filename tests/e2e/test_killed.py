"""A step's pod that is lost, at each moment: Argo repeats it, and the repetition finishes what was begun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.support.moments import in_cancel, in_main, not_begun
from tests.e2e.support.outcome import settled
from tests.e2e.support.pods import evict, kill
from tests.e2e.support.stage import Stage

pytestmark = pytest.mark.timeout(300, func_only=True)

befalls = pytest.mark.parametrize("befall", [kill, evict], ids=["killed", "evicted"])
Befall = Callable[[Stage, str], None]


def finished_all_the_same(stage: Stage, name: str) -> dict[str, Any]:
    """The record of a push whose Workflow has succeeded in spite of all."""
    stage.reaches(name, "Succeeded")
    return settled(stage)


@befalls
def test_a_pod_that_is_lost_while_it_waits_for_an_agent_is_repeated(stage: Stage, befall: Befall) -> None:
    name = in_cancel(stage)
    befall(stage, name)
    assert finished_all_the_same(stage, name)["attempts"] == 2


@befalls
def test_a_pod_that_is_lost_while_it_moves_labels_is_repeated(stage: Stage, befall: Befall) -> None:
    with in_main(stage) as name:
        befall(stage, name)
        # Until its process has ended as well, it would go on as soon as GitHub answers.
        stage.until(lambda: stage.record()["attempts"] == 2, what="the next attempt has begun", deadline_s=150)
    assert finished_all_the_same(stage, name)["attempts"] == 2


@befalls
def test_a_pod_that_is_lost_before_it_has_begun_is_repeated(stage: Stage, befall: Befall) -> None:
    with not_begun(stage) as name:
        befall(stage, name)
    assert finished_all_the_same(stage, name)["attempts"] == 1, "the lost one has done nothing"
