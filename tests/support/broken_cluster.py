"""A cluster in which everything that reconcile can find has gone wrong, one task each, at once.

Guarantees: task 7 is a real push whose Workflow was terminated half-way; the others are as a crash, a person or another
program could have left them. Nothing was found yet, and no call is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from steps.cancellation.state_update import STATE_EPOCH
from steps.core.keys import PHASE, RECORD, TASK
from steps.domain.push import Repository
from steps.domain.record import LabelOutcome, Phase, Record, dump_record
from steps.domain.task_id import TaskId
from steps.lease.lease_object import lease_name
from tests.doubles import argo_controller
from tests.doubles.clock import ManualClock
from tests.doubles.github import GitHub, serve
from tests.doubles.platform.runs import REX
from tests.support.harness import DEFAULTS, NEW, OLD, REPOSITORY, TOKEN, Scene

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents[0]
STUCK, STALE, ORPHANED, STRAY, IDLE, CORRUPT, UNREADABLE, LOST = 7, 8, 9, 10, 11, 12, 13, 14


def name_of(task: int) -> str:
    """Name of a task's Lease."""
    return lease_name(repository=Repository(REPOSITORY), task=TaskId(str(task)))


def put_lease(scene: Scene, record: Record, *, task: int, text: str = "", holder: str = "", idle_s: float = 0) -> None:
    """A task that was dealt with."""
    push = replace(record.push, task=TaskId(str(task)), ref=f"refs/heads/task-{task}-work")
    renewed_at = (scene.clock.now() - timedelta(seconds=idle_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    metadata = {
        "name": name_of(task),
        "namespace": HOME,
        "labels": {"app.kubernetes.io/managed-by": "agent-cancellation", TASK: str(task), PHASE: "completed"},
        "annotations": {RECORD: text or dump_record(replace(record, push=push))},
    }
    spec = {"holderIdentity": holder, "leaseTransitions": 3, "renewTime": renewed_at}
    scene.api.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec})


def put_state(scene: Scene, text: str, *, task: int) -> None:
    """A task's state document, last written in the epoch of its Lease."""
    metadata = {"name": f"task-{task}-state", "namespace": AGENTS, "annotations": {STATE_EPOCH: "3"}}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"state.json": text}})


@contextmanager
def a_world() -> Iterator[tuple[Scene, set[str]]]:
    """One task of each kind of trouble; and who has to be left at the end."""
    clock = ManualClock()
    github = GitHub(clock=clock.timestamp, sleep=clock.sleep)
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress"])
    github.add_pull_request(head="task-7-work", sha=OLD, labels=["ready-for-qa"])
    github.add_token(TOKEN)
    with serve(github) as url:
        scene = Scene(github=github, github_url=url, clock=clock)
        for task in (STUCK, STALE, LOST):
            scene.agent(task=task)
        kept = {scene.agent(agent=REX, task=task)["metadata"]["name"] for task in (STUCK, STALE, LOST)}
        scene.later(3)
        github.push("task-7-work", NEW)
        github.push("task-14-work", NEW)
        workflow = scene.workflow()
        scene.later(1)
        kept |= {scene.agent(task=task)["metadata"]["name"] for task in (STUCK, STALE, LOST)}
        scene.later(2)
        scene.begin(workflow, pod="terminated")
        scene.end_pod("terminated", phase="Failed")
        scene.argo.mark(workflow.name, argo_controller.FAILED)
        done = replace(
            scene.record(), phase=Phase.COMPLETED, labels=LabelOutcome.NO_PULL_REQUEST, pull_request=None, agents=()
        )
        clock.jump(310)
        put_lease(scene, done, task=STALE)
        put_lease(scene, done, task=ORPHANED, holder="w/u/gone", idle_s=100)
        put_lease(scene, done, task=STRAY)
        put_state(scene, '{"cancellation_in_progress": true, "kept": 1}', task=STRAY)
        put_lease(scene, done, task=IDLE, idle_s=31 * 86400)
        put_state(scene, "{}", task=IDLE)
        put_state(scene, "{corrupt", task=CORRUPT)
        put_lease(scene, done, task=UNREADABLE, text="{unreadable")
        scene.reconcile_context()
        scene.api.calls.clear()
        scene.github.calls.clear()
        yield scene, kept
