"""What `kubectl describe` shows of a task and of the agents that were stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipelines.manifests.rbac import reconcile_access, steps_access
from steps.cancel import cancel
from steps.core.errors import Exit, TerminatedError
from steps.domain.agent import RunOutcome
from steps.kube.events import EventReason, build_event, lease_reference
from tests.doubles.github import fail
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.controller import Cleanup
from tests.doubles.platform.runs import REX
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents[0]


def pushed(scene: Scene, *, agents: int = 1) -> list[dict[str, Any]]:
    """A push while agents are at work."""
    runs = [scene.agent() for _ in range(agents)]
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    return runs


def reasons(scene: Scene) -> list[str]:
    """Reasons of all Events, in the order in which they were sent."""
    sent = [call for call in scene.api.calls if call.method == "POST" and call.path.endswith("/events")]
    return [call.body["reason"] for call in sent]


def test_events_of_the_lease_say_when_a_push_begins_and_ends(scene: Scene) -> None:
    runs = pushed(scene, agents=2)
    workflow = scene.workflow()
    assert scene.play(workflow) is Exit.DONE
    (began,), (ended,) = scene.kubernetes_events(EventReason.CANCELLING), scene.kubernetes_events(EventReason.COMPLETED)
    assert began["message"].startswith(f"2 stale, by push {NEW[:12]} to task-7-work by 5DLabs-Rex[bot]")
    assert f"workflow {workflow.name}: " in began["message"]
    named = {f"{run['spec']['githubApp']} {run['metadata']['name']}" for run in runs}
    assert set(began["message"].rpartition(": ")[2].split(", ")) == named
    assert ended["message"] == f"push {NEW[:12]} to task-7-work: stale runs gone: 2; labels moved"
    lease = scene.lease()["metadata"]
    for event in (began, ended):
        involved = event["involvedObject"]
        assert (involved["name"], involved["uid"], involved["namespace"]) == (lease["name"], lease["uid"], HOME)
        assert (event["type"], event["metadata"]["namespace"]) == ("Normal", HOME)


def test_each_agent_that_was_stopped_has_an_event_and_no_other_agent_has(scene: Scene) -> None:
    exempt = scene.agent(agent=REX)
    runs = pushed(scene, agents=3)
    workflow = scene.workflow()
    assert scene.play(workflow) is Exit.DONE
    events = scene.kubernetes_events(EventReason.CANCELLED)
    assert {event["involvedObject"]["uid"] for event in events} == {run["metadata"]["uid"] for run in runs}
    assert exempt["metadata"]["uid"] not in {event["involvedObject"]["uid"] for event in events}
    for event in events:
        assert event["metadata"]["namespace"] == event["involvedObject"]["namespace"] == AGENTS
        assert (event["involvedObject"]["kind"], event["involvedObject"]["apiVersion"]) == (
            "CodeRun",
            "agents.platform/v1",
        )
        said = f"Cancelled by push {NEW[:12]} to task-7-work by 5DLabs-Rex[bot], workflow {workflow.name}"
        assert event["message"] == said


def test_events_are_sent_after_the_deletes_that_they_name(scene: Scene) -> None:
    pushed(scene, agents=2)
    scene.api.calls.clear()
    assert scene.play(scene.workflow()) is Exit.DONE
    kinds = ["event" if call.path.endswith("/events") else call.method for call in scene.api.calls]
    assert kinds.index("event") > max(number for number, kind in enumerate(kinds) if kind == "DELETE")


def test_a_push_that_stops_nothing_has_only_the_event_of_its_end(scene: Scene) -> None:
    pushed(scene, agents=0)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert reasons(scene) == [EventReason.COMPLETED]


def test_a_failure_has_one_event_once_its_retries_are_used_up(scene: Scene) -> None:
    pushed(scene, agents=0)
    scene.github.fault(fail(503), times=1e9)
    assert scene.play(scene.workflow()) is Exit.TRY_AGAIN
    (event,) = scene.kubernetes_events()
    assert (event["type"], event["reason"]) == ("Warning", EventReason.FAILED)
    assert "503" in event["message"]


def test_what_is_superseded_skipped_or_a_dry_run_has_no_event(scene: Scene) -> None:
    pushed(scene, agents=0)
    workflow = scene.workflow()
    assert scene.play(workflow) is Exit.DONE
    scene.api.calls.clear()
    assert scene.play(scene.workflow(pushed_at=workflow.push.pushed_at)) is Exit.DONE
    assert scene.play(scene.workflow(dry_run=True)) is Exit.DONE
    scene.github.edit_labels(1, add=["skip-automation"])
    scene.later(5)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    assert reasons(scene) == []


def test_the_waiting_workflows_that_were_ended_are_named(scene: Scene) -> None:
    pushed(scene, agents=0)
    first = scene.workflow()
    waiting = scene.workflow(pushed_at=first.push.pushed_at)
    assert scene.play(first) is Exit.DONE
    (event,) = scene.kubernetes_events(EventReason.COMPLETED)
    assert waiting.name in event["message"]


def test_a_superseded_push_names_the_workflows_that_it_ended(scene: Scene) -> None:
    pushed(scene, agents=0)
    first = scene.workflow()
    assert scene.play(first) is Exit.DONE
    late = scene.workflow(pushed_at=first.push.pushed_at)
    waiting = scene.workflow(pushed_at=first.push.pushed_at)
    assert scene.play(late) is Exit.DONE
    (event,) = scene.kubernetes_events(EventReason.ENDED_WAITERS)
    assert waiting.name in event["message"]
    assert event["involvedObject"]["uid"] == scene.lease()["metadata"]["uid"]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_event_that_cannot_be_left_fails_nothing(scene: Scene, status: int) -> None:
    pushed(scene, agents=2)
    scene.api.faults.add(Fault(method="POST", path=r"/events\?", status=status, times=10**6))
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.record().labels == "moved"
    assert scene.kubernetes_events() == []
    warned = [line for line in scene.events() if line.get("event") == "could not create Event"]
    assert len(warned) == 4, "each is tried once"


def test_a_run_that_finished_before_it_could_be_deleted_is_not_called_cancelled(scene: Scene) -> None:
    (run,) = pushed(scene)

    def finish(_: object) -> None:
        status = {"status": {"phase": "Succeeded"}}
        scene.api.patch("coderuns", run["metadata"]["name"], status, namespace=AGENTS, subresource="status")

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=finish))
    assert scene.play(scene.workflow()) is Exit.DONE
    assert [agent.outcome for agent in scene.record().agents] == [RunOutcome.FINISHED]
    assert scene.kubernetes_events(EventReason.CANCELLED, EventReason.CANCELLING) == []


def test_a_step_that_gets_sigterm_while_it_sends_an_event_stops(scene: Scene) -> None:
    pushed(scene, agents=0)

    def terminate(_: object) -> None:
        raise TerminatedError("SIGTERM")

    scene.api.faults.add(Fault(method="POST", path=r"/events\?", before=terminate))
    workflow = scene.workflow()
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert scene.record().finished, "the Event came after the end"
    assert scene.attempt(workflow) is Exit.DONE


def test_a_repeated_attempt_sends_no_event_twice(scene: Scene) -> None:
    pushed(scene)
    workflow = scene.workflow()
    for _ in range(2):
        assert scene.step(cancel, workflow, pod="pod-1") is Exit.DONE
    assert (
        len(scene.kubernetes_events(EventReason.COMPLETED)) == len(scene.kubernetes_events(EventReason.CANCELLED)) == 1
    )


def test_an_attempt_that_only_waits_sends_no_event_of_a_beginning(scene: Scene) -> None:
    pushed(scene)
    scene.controller.cleanup = Cleanup.HANGING
    workflow = scene.workflow()
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert reasons(scene).count(EventReason.CANCELLING) == 1


def test_events_can_be_switched_off_and_need_no_right_then(scene: Scene) -> None:
    off = replace(DEFAULTS, kubernetes=replace(DEFAULTS.kubernetes, events=False))
    scene.settings = off
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.kubernetes_events() == []
    for access in (steps_access, reconcile_access):
        assert not any("events" in rule["resources"] for role in access(off) for rule in role.get("rules", ()))


def test_an_event_has_a_name_that_the_api_server_takes_however_long_the_run_is_called(scene: Scene) -> None:
    about = replace(lease_reference("x", uid="u", namespace=HOME), name="a" * 199 + ".-" + "b" * 50)
    body = build_event(
        about, reason=EventReason.CANCELLED, message="m" * 5000, once="1", component="c", now=scene.clock.now()
    )
    scene.api.create(body)
    assert len(body["message"]) == 1000
