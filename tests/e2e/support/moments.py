"""The moments at which tests interfere: the step is at work in `cancel`, in `main`, or has not begun.

Guarantees: each moment is one that has been seen from outside, not one that has been slept for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.doubles.github.webhooks import Delivery
from tests.e2e.support.agents import AgentBehaviour
from tests.e2e.support.gate import gate
from tests.e2e.support.pods import step_pods
from tests.e2e.support.stage import Stage

# Long enough to interfere while the step waits for the agent's end, and within the agent's own grace.
SLOW = AgentBehaviour(exit_after_s=12.0)


def submitted(stage: Stage, delivery: Delivery) -> str:
    """Deliver a push; the name of its Workflow."""
    assert stage.deliver(delivery) == 200
    stage.until(lambda: stage.workflow(delivery) is not None, what="a workflow")
    workflow = stage.workflow(delivery)
    assert workflow is not None
    return str(workflow["metadata"]["name"])


def next_second() -> None:
    """Wait for the next second: a webhook has the second of a push, and no fraction."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.02)


def all_in_cancel(stages: Sequence[Stage]) -> list[str]:
    """Push to tasks whose agents take their time; the Workflows' names, once their steps wait for the agents to end."""
    runs = [stage.start(how=SLOW) for stage in stages]
    for stage, run in zip(stages, runs, strict=True):
        stage.at_work(run)
    found = [submitted(stage, stage.push()) for stage in stages]
    for stage in stages:
        stage.until(stage.deleting, what="the agent is being deleted")
    return found


def in_cancel(stage: Stage) -> str:
    """Push to one task and wait for the delete; the Workflow's name."""
    (name,) = all_in_cancel([stage])
    return name


@contextmanager
def in_main(stage: Stage) -> Iterator[str]:
    """Push; the Workflow's name, while its step waits for GitHub to take the new label."""
    stage.agent()
    with gate(stage.github, method="POST", path=f"/issues/{stage.pull_request}/labels$") as before_the_label:
        name = submitted(stage, stage.push())
        stage.until(before_the_label.reached.is_set, what="the label is about to be added")
        assert stage.runs() == set(), "labels move only after the agents are gone"
        yield name


@contextmanager
def not_begun(stage: Stage) -> Iterator[str]:
    """Push while the node takes no pods; the Workflow's name, once its pod waits for a node."""
    stage.agent()
    with cordoned(stage):
        name = submitted(stage, stage.push())
        stage.until(lambda: bool(step_pods(stage, name)), what="the step's pod is there")
        yield name


@contextmanager
def cordoned(stage: Stage) -> Iterator[None]:
    """Let the only node take no new pods, until the context is left."""
    node = f"/api/v1/nodes/{stage.client.ask('GET', '/api/v1/nodes')['items'][0]['metadata']['name']}"

    def close(*, closed: bool) -> None:
        patch = {"spec": {"unschedulable": closed}}
        stage.client.ask("PATCH", node, patch, content_type="application/merge-patch+json")

    close(closed=True)
    try:
        yield
    finally:
        close(closed=False)
