"""Servers that answer slowly, refuse writes, or ask to wait: nothing loops, nothing is lost, and no Lease expires."""

from __future__ import annotations

from typing import Any

import pytest

from steps.core.errors import Exit
from steps.core.keys import RECORD
from steps.domain.record import LabelOutcome
from tests.doubles.github import delay
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, NEW, OLD, REPOSITORY, Scene
from tests.support.scenarios import done, put_state

FOREVER = 10**9
OTHER = "5dlabs/web"


def stale_push(scene: Scene) -> Any:  # noqa: ANN401 - a Workflow
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    return scene.workflow()


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 500, "message": "etcdserver: mvcc: database space exceeded"},
        {"status": 500, "message": 'failed calling webhook "validate.example.com": context deadline exceeded'},
        {"status": 429, "message": "too many requests, please try again later", "headers": {"Retry-After": "5"}},
    ],
    ids=["etcd is full", "a webhook is down", "writes are throttled"],
)
def test_a_lease_that_cannot_be_written_is_given_up_after_the_acquire_timeout(
    scene: Scene, refusal: dict[str, Any]
) -> None:
    workflow = stale_push(scene)
    writes: list[float] = []
    count = Fault(
        method="POST",
        path="/leases",
        times=0,
        before=lambda _: writes.append(scene.clock.monotonic()),
        **refusal,
    )
    scene.api.faults.add(count)
    began = scene.clock.monotonic()
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    waited_s = scene.clock.monotonic() - began
    assert waited_s >= DEFAULTS.lease.acquire_timeout_s
    assert len(writes) <= waited_s / DEFAULTS.lease.retry_every_s + 1
    problem = next(line["error"] for line in scene.events() if "exit" in line)
    assert "could not be written within 120 s" in problem
    assert refusal["message"] in problem


def test_one_lease_that_cannot_be_written_does_not_block_reconcile(scene: Scene) -> None:
    done(scene)
    put_state(scene, '{"cancellation_in_progress": true, "last_update": "2026-02-01T00:00:00Z"}')
    scene.later(400)
    scene.api.faults.add(Fault(method="PUT", path="/leases/", times=0, status=500, message="etcdserver: no space"))
    began = scene.clock.monotonic()
    scene.reconcile()
    assert scene.clock.monotonic() - began < 30


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 503, "message": "etcdserver: leader changed"},
        {"status": 429, "message": "please try again later", "headers": {"Retry-After": "1"}},
    ],
    ids=["a leader is elected", "writes are throttled"],
)
def test_a_record_survives_five_refused_writes(scene: Scene, refusal: dict[str, Any]) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(Fault(method="PUT", path="/leases/", times=5, **refusal))
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.record().labels is LabelOutcome.MOVED


@pytest.mark.parametrize("seconds", [4, 7, 9])
def test_a_slow_github_costs_no_lease(scene: Scene, seconds: float) -> None:
    workflow = stale_push(scene)
    scene.github.fault(delay(seconds), times=FOREVER)
    assert scene.play(workflow) is Exit.DONE
    assert (scene.record().labels, scene.record().attempts) == (LabelOutcome.MOVED, 1)


def test_a_delete_that_has_to_wait_for_25_s_costs_no_lease(scene: Scene) -> None:
    workflow = stale_push(scene)
    headers = {"Retry-After": "25"}
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", status=429, message="later", headers=headers))
    assert scene.attempt(workflow) is Exit.DONE
    assert (scene.record().labels, scene.record().attempts) == (LabelOutcome.MOVED, 1)


@pytest.mark.parametrize("status", [400, 403, 409, 500])
def test_a_state_document_that_cannot_be_written_fails_no_cancellation(scene: Scene, status: int) -> None:
    put_state(scene, "{}")
    workflow = stale_push(scene)
    refused = Fault(method="PUT", path="/task-7-state", times=0, status=status, message="denied by a policy")
    scene.api.faults.add(refused)
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == set()
    assert scene.record().labels is LabelOutcome.MOVED
    assert [line for line in scene.events() if line["event"] == "state document not written"]


def test_two_repositories_with_the_same_task_id_do_not_fence_each_other(scene: Scene) -> None:
    scene.github.add_repository(OTHER, labels=["ready-for-qa", "remediation-in-progress"])
    scene.github.add_pull_request(repository=OTHER, head="task-7-work", sha=OLD, labels=["ready-for-qa"])
    put_state(scene, "{}")
    for number in range(3):
        sha = f"d{number:039x}"
        scene.agent()
        scene.later(5)
        scene.github.push("task-7-work", sha, repository=REPOSITORY)
        assert scene.play(scene.workflow(sha=sha)) is Exit.DONE
        scene.later(60)
    scene.agent(repository=OTHER)
    scene.later(5)
    scene.github.push("task-7-work", NEW, repository=OTHER)
    assert scene.play(scene.workflow(sha=NEW, repository=OTHER)) is Exit.DONE
    assert scene.runs() == set()


def test_a_healthy_task_loses_the_label_although_the_same_number_of_another_repository_needs_attention(
    scene: Scene,
) -> None:
    attention, other = "agent-cancellation/needs-attention", "5dlabs/other"
    scene.github.add_repository(other, labels=["ready-for-qa", "remediation-in-progress"])
    scene.github.add_pull_request(head="task-7-work", sha=OLD, labels=["ready-for-qa"], repository=other)
    done(scene)
    own = scene.lease()["metadata"]["name"]
    scene.github.push("task-7-work", NEW, repository=other)
    assert scene.play(scene.workflow(repository=other)) is Exit.DONE
    home = DEFAULTS.namespaces.workflows
    (foreign,) = {each["metadata"]["name"] for each in scene.api.list("leases", namespace=home)} - {own}
    for lease, notes in ((own, {}), (foreign, {RECORD: "{broken"})):
        patch = {"metadata": {"labels": {attention: "true"}, "annotations": notes}}
        scene.api.patch("leases", lease, patch, namespace=home)
    scene.later(400)
    scene.reconcile()
    left = {each["metadata"]["name"] for each in scene.api.list("leases", namespace=home, labels=attention)}
    assert left == {foreign}


def test_a_task_that_needed_attention_loses_the_label_once_it_is_healthy(scene: Scene) -> None:
    attention = "agent-cancellation/needs-attention"
    done(scene)
    scene.later(60)
    label = {"metadata": {"labels": {attention: "true"}}}
    home = DEFAULTS.namespaces.workflows
    scene.api.patch("leases", scene.lease()["metadata"]["name"], label, namespace=home)
    scene.reconcile()
    assert attention not in scene.lease()["metadata"]["labels"]
