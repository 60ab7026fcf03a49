"""The same push again, an older one, a late one: whatever GitHub or a person repeats or delays."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.doubles.github import webhooks
from tests.doubles.platform.controller import job_name
from tests.e2e.provision.folders import say
from tests.e2e.support.installation import SECRET
from tests.e2e.support.moments import next_second
from tests.e2e.support.outcome import settled
from tests.e2e.support.stage import Stage


def test_a_repeated_delivery_delays_no_other_push(new_stage: Callable[[], Stage]) -> None:
    repeated, other = new_stage(), new_stage()
    delivery = repeated.push()
    assert repeated.deliver(delivery) == 200
    repeated.finished(delivery)

    assert repeated.deliver(delivery) == 200
    push = other.push()
    began = time.time()
    assert other.deliver(push) == 200
    # A Sensor whose trigger fails tries it again for half a minute, and everybody waits.
    waited = other.until(lambda: other.workflow(push) is not None, what="the other push's workflow", deadline_s=25)
    say(f"a push right behind a repeated one: workflow after {waited - began:.1f} s")


def test_a_repeated_delivery_changes_nothing(stage: Stage) -> None:
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    stage.finished(delivery)
    record, labels, later = stage.record(), stage.labels(), stage.agent()

    assert stage.deliver(delivery) == 200
    stage.until(lambda: len(stage.workflows()) > 1, what="a second workflow")
    stage.all_ended()
    assert {each["status"]["phase"] for each in stage.workflows()} == {"Succeeded"}
    assert (stage.record(), stage.labels()) == (record, labels)
    assert stage.agent_reports.when("SIGTERM", job_name(later)) is None
    assert stage.runs() == {later["metadata"]["name"]}


def again(delivery: webhooks.Delivery, **changes: Any) -> webhooks.Delivery:  # noqa: ANN401 - JSON
    """The same push under a new delivery id, with some fields of its repository changed."""
    payload = json.loads(delivery.body)
    payload["repository"] |= changes
    return webhooks.delivery(payload, event="push", secret=SECRET, delivery_id=str(uuid.uuid4()))


def test_a_push_that_is_replayed_under_another_delivery_id_reaches_no_newer_agent(stage: Stage) -> None:
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    stage.finished(delivery)
    record, later = stage.record(), stage.agent()

    replayed = again(delivery)
    assert stage.deliver(replayed) == 200
    assert stage.finished(replayed)["status"]["phase"] == "Succeeded"
    assert settled(stage, left=[later["metadata"]["name"]]) == record
    assert stage.agent_reports.when("SIGTERM", job_name(later)) is None


def test_an_older_push_that_comes_after_the_newer_one_reaches_no_newer_agent(stage: Stage) -> None:
    stage.agent()
    older = stage.push(1)
    next_second()
    newer = stage.push(2)
    assert stage.deliver(newer) == 200
    assert stage.finished(newer)["status"]["phase"] == "Succeeded"
    record, later = stage.record(), stage.agent()

    assert stage.deliver(older) == 200
    assert stage.finished(older)["status"]["phase"] == "Succeeded"
    assert settled(stage, number=2, left=[later["metadata"]["name"]]) == record
    assert stage.agent_reports.when("SIGTERM", job_name(later)) is None


def test_a_push_that_comes_an_hour_late_reaches_no_agent_that_was_started_since(stage: Stage) -> None:
    run = stage.agent()
    delivery = again(stage.push(), pushed_at=int(time.time()) - 3600)
    assert stage.deliver(delivery) == 200
    assert stage.finished(delivery)["status"]["phase"] == "Succeeded"
    record = settled(stage, left=[run["metadata"]["name"]])
    assert [(agent["outcome"], agent["reason"]) for agent in record["agents"]] == [("kept", "newer than the push")]
    assert stage.agent_reports.when("SIGTERM", job_name(run)) is None
