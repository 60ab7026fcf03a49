"""Argo, the event bus and the API server crash and come back, while pushes are on their way."""

from __future__ import annotations

from contextlib import suppress

import pytest
import urllib3

from tests.doubles.github.webhooks import Delivery
from tests.e2e.support.moments import in_cancel, next_second, submitted
from tests.e2e.support.outcome import settled
from tests.e2e.support.restarts import kill_pods, nobody_listens, restart_api_server, restart_bus, restart_controller
from tests.e2e.support.stage import Stage

pytestmark = [pytest.mark.own_cluster, pytest.mark.timeout(400, func_only=True)]


def is_taken(stage: Stage, delivery: Delivery) -> bool:
    """Whether the EventSource takes a webhook now; GitHub would not ask twice, a person would."""
    with suppress(urllib3.exceptions.HTTPError):
        return stage.deliver(delivery) == 200
    return False


def test_argos_controller_crashes_while_one_push_runs_and_others_wait(stage: Stage) -> None:
    in_cancel(stage)
    for number in (2, 3):
        next_second()
        submitted(stage, stage.push(number))
    restart_controller(stage)
    stage.all_ended(deadline_s=200)
    assert len(stage.workflows()) == 3
    settled(stage, number=3)


def test_the_api_server_crashes_while_a_step_waits_for_an_agent(stage: Stage) -> None:
    name = in_cancel(stage)
    restart_api_server(stage)
    stage.reaches(name, "Succeeded")
    settled(stage)


def test_a_push_that_was_taken_is_not_lost_when_the_event_bus_crashes(stage: Stage) -> None:
    stage.agent()
    push = stage.push()
    with nobody_listens(stage):
        assert stage.deliver(push) == 200
        restart_bus(stage)
    assert stage.finished(push, deadline_s=150)["status"]["phase"] == "Succeeded"
    settled(stage)


def test_a_push_that_was_taken_is_not_lost_when_the_sensor_crashes(stage: Stage) -> None:
    stage.agent()
    push = stage.push()
    assert stage.deliver(push) == 200
    kill_pods(stage, stage.cluster.settings.namespaces.events, "sensor-name=implementation-agent-remediation")
    assert stage.finished(push, deadline_s=150)["status"]["phase"] == "Succeeded"
    settled(stage)


def test_pushes_are_taken_again_after_the_event_source_and_the_bus_have_crashed(stage: Stage) -> None:
    """A push that comes meanwhile is not taken, and GitHub does not repeat it: reconcile finds it."""
    stage.agent()
    kill_pods(stage, stage.cluster.settings.namespaces.events, "eventsource-name=github-eventsource")
    restart_bus(stage)
    push = stage.push()
    stage.until(lambda: is_taken(stage, push), what="the EventSource takes the push", deadline_s=120)
    assert stage.finished(push, deadline_s=150)["status"]["phase"] == "Succeeded"
    settled(stage)
