"""A node runs out of disk, and the kubelet evicts a step's pod without grace: another one finishes what it began."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.support.agents import AgentBehaviour
from tests.e2e.support.moments import submitted
from tests.e2e.support.outcome import settled
from tests.e2e.support.pods import step_pods
from tests.e2e.support.shortage import fill, strict_kubelet
from tests.e2e.support.stage import Stage

pytestmark = [pytest.mark.own_cluster, pytest.mark.timeout(400, func_only=True)]

# Longer than the kubelet takes to notice that the disk is full (it checks every ten seconds).
SLOW = AgentBehaviour(exit_after_s=45.0, grace_s=120.0)


def is_evicted(stage: Stage, pod: dict[str, Any]) -> bool:
    """Whether the kubelet has said that it has evicted a pod."""
    about = f"reason=Evicted,involvedObject.uid={pod['metadata']['uid']}"
    path = f"/api/v1/namespaces/{stage.home}/events"
    return bool(stage.client.ask("GET", path, query={"fieldSelector": about})["items"])


def test_a_step_that_the_kubelet_evicts_from_a_full_node_is_repeated(stage: Stage) -> None:
    with strict_kubelet(stage):
        stage.agent(how=SLOW)
        name = submitted(stage, stage.push())
        stage.until(stage.deleting, what="the agent is being deleted")
        (pod,) = step_pods(stage, name)
        fill(stage, pod)
        stage.until(lambda: is_evicted(stage, pod), what="the kubelet has evicted the step's pod", deadline_s=60)
        assert stage.runs(), "the agent was still there: the step had more to wait for"
    stage.reaches(name, "Succeeded")
    assert settled(stage)["attempts"] == 2
