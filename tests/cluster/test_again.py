"""The same push again: a delivery that GitHub or a person repeats."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.cluster.folders import say
from tests.cluster.stage import FINISHED, Stage
from tests.doubles.platform.controller import job_name


def test_a_delivery_that_is_repeated_holds_nobody_up(new_stage: Callable[[], Stage]) -> None:
    repeated, other = new_stage(), new_stage()
    delivery = repeated.push()
    assert repeated.deliver(delivery) == 200
    repeated.finished(delivery)

    assert repeated.deliver(delivery) == 200
    push = other.push()
    began = time.time()
    assert other.deliver(push) == 200
    waited = other.until(lambda: other.workflow(push) is not None, what="the other push's workflow") - began
    say(f"a push right behind a repeated one: workflow after {waited:.1f} s")
    assert waited < 5


def test_a_delivery_that_is_repeated_changes_nothing(stage: Stage) -> None:
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    stage.finished(delivery)
    record, labels, later = stage.record(), stage.labels(), stage.agent()

    assert stage.deliver(delivery) == 200
    stage.until(lambda: len(stage.workflows()) > 1, what="a second workflow")
    stage.until(
        lambda: all(each.get("status", {}).get("phase") in FINISHED for each in stage.workflows()), what="it ends"
    )
    assert {each["status"]["phase"] for each in stage.workflows()} == {"Succeeded"}
    assert (stage.record(), stage.labels()) == (record, labels)
    assert stage.witness.when("SIGTERM", job_name(later)) is None
    assert stage.runs() == {later["metadata"]["name"]}
