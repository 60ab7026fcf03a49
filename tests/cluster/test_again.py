"""The same push again: a delivery that GitHub or a person repeats."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.cluster.stage import Stage
from tests.doubles.platform.controller import job_name


@pytest.mark.xfail(strict=True, reason="AlreadyExists is retried for 30 s, in order, and then goes to the dead letter")
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
    assert repeated.workflows() == [f"cancel-{delivery.id}"]
    assert waited < 5


@pytest.mark.xfail(strict=True, reason="a dead letter within the tolerance has a later watermark than its own push had")
def test_a_delivery_that_is_repeated_changes_nothing(stage: Stage) -> None:
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    first = stage.finished(delivery)
    record = stage.record()
    later = stage.agent()

    assert stage.deliver(delivery) == 200
    stage.until(lambda: len(stage.workflows()) > 1, what="a dead letter")
    stage.until(lambda: all(phase == "Succeeded" for phase in stage.phases()), what="it ends")
    again = stage.workflow(delivery)
    assert again is not None
    assert again["metadata"]["uid"] == first["metadata"]["uid"]
    assert stage.record() == record
    assert stage.witness.when("SIGTERM", job_name(later)) is None
