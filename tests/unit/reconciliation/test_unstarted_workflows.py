"""Which Workflows that do not start are findings, and what a person can do about them."""

from __future__ import annotations

from typing import Any

import pytest

from steps.core.keys import repository_label
from steps.reconciliation.detection import find_problems
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.snapshot import ClusterSnapshot
from tests.support.factories import NOW, OWN, ago, task_state, task_workflow
from tests.support.harness import DEFAULTS
from tests.unit.reconciliation.findings import HOLDER, POD, kinds


@pytest.mark.parametrize(
    ("given_", "lease", "found"),
    [
        pytest.param({}, None, True, id="the task has no Lease"),
        pytest.param({}, {}, True, id="the Lease is free and silent"),
        pytest.param({"created_at": ago(300)}, {}, True, id="for just long enough"),
        pytest.param({"created_at": ago(299)}, {}, False, id="not for long enough"),
        pytest.param({"created_at": None}, {}, False, id="of unknown age"),
        pytest.param({}, {"renewed_at": ago(299)}, False, id="another Workflow of the task ended a while ago"),
        pytest.param({}, {"renewed_at": ago(300)}, True, id="another Workflow of the task ended long ago"),
        pytest.param({}, {"holder": HOLDER, "renewed_at": ago(10)}, False, id="a pod is at work"),
        pytest.param({}, {"holder": HOLDER, "renewed_at": ago(301)}, True, id="its pod stands still"),
        pytest.param({"phase": ""}, {}, True, id="Argo has not seen it"),
        pytest.param({"phase": "Running"}, {}, True, id="it has begun, but its pod has not"),
        pytest.param({"repository_label": repository_label(OWN)}, {"renewed_at": ago(1)}, False, id="of the Lease"),
        pytest.param({"repository_label": "o.other"}, {"renewed_at": ago(1)}, True, id="of another repository"),
        pytest.param(
            {"repository_label": repository_label(OWN)},
            {"record": None, "problem": "wrong", "renewed_at": ago(1)},
            False,
            id="of a Lease whose record cannot be read",
        ),
    ],
)
def test_a_waiting_workflow_of_an_idle_task_is_a_finding(
    given_: dict[str, Any], lease: dict[str, Any] | None, *, found: bool
) -> None:
    states = () if lease is None else (task_state(**lease),)
    workflows = (task_workflow(**given_),)
    busy = frozenset((each.task, each.repository_label) for each in workflows)
    kinds_ = kinds(task_states=states, workflows=workflows, busy=busy, pods=frozenset({POD}))
    assert (FindingKind.NOT_STARTED in kinds_) is found


def test_of_the_workflows_of_a_task_the_oldest_is_named_once() -> None:
    young = task_workflow("w4", created_at=ago(1))
    waiting = (young, task_workflow("w2", created_at=ago(500)), task_workflow("w1"), task_workflow("w3"))
    other = task_workflow("w0", repository_label="o.other")
    found = find_problems(
        ClusterSnapshot(now=NOW, workflows=(*waiting, other), task_states=(task_state(),)), settings=DEFAULTS
    )
    assert [(each.task, each.repository, each.detail, each.task_state) for each in found] == [
        ("7", "", f"Workflow w0 waits, and nobody works on the task, created at {ago(900)}", None),
        ("7", OWN, f"Workflow w1 waits, and nobody works on the task, created at {ago(900)}", task_state()),
    ]


@pytest.mark.parametrize(
    ("phase", "problem", "advice"),
    [
        ("", "Argo has not seen Workflow w1", "check that Argo's controller runs"),
        ("Pending", "Workflow w1 waits, and nobody works on the task", "see its message"),
        ("Running", "Workflow w1 has begun, but no pod works for it", "look at its pods"),
    ],
)
def test_the_phase_shows_what_keeps_a_workflow_from_starting(phase: str, problem: str, advice: str) -> None:
    (found,) = find_problems(ClusterSnapshot(now=NOW, workflows=(task_workflow(phase=phase),)), settings=DEFAULTS)
    assert found.detail == f"{problem}, created at {ago(900)}"
    assert found.advice.startswith(advice)
