"""Which modules are mutated, and which tests have to notice.

Guarantees: only tests that take seconds, since a mutant that survives costs all of them. A slow test, like a crash at
any call or a simulated story, would notice more; that it is not needed is the stronger statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[3]
_PUSH = ("scenarios/whole_push", "scenarios/pull_request/labels", "scenarios/agents/end")
_ORDER = ("scenarios/push/lagging_head", "scenarios/push/order_of_pushes")
_STOP = ("unit/agents/stop", "scenarios/agents/kinds", "scenarios/agents/refused_deletes")
_TOGETHER = ("scenarios/agents/mixed_kinds", "scenarios/agents/busy_runs", "scenarios/agents/late_jobs")
_OWNED = (
    "scenarios/agents/owned_runs",
    "scenarios/agents/owned_objects",
    "scenarios/agents/named_jobs",
    "scenarios/agents/ended_owners",
)
_FINDINGS = (
    "unit/reconciliation/detection",
    "unit/reconciliation/finding_details",
    "unit/reconciliation/unstarted_workflows",
    "unit/reconciliation/state_documents",
    "unit/reconciliation/detection_properties",
)
_BREAKER = ("unit/breaker/breaker", "unit/breaker/circuit", "unit/breaker/late_results")
_LEASE = ("unit/lease/task_lease", "unit/lease/contention", "unit/lease/lease_object")
# Module below steps/, and its tests below tests/, each without "test_" and ".py".
TARGETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "domain.push_order": ("unit/domain/push_order", "unit/domain/ended"),
        "domain.watermark": ("unit/domain/watermark",),
        "domain.claim_decision": ("unit/domain/claim_decision", "unit/domain/ended"),
        "domain.run_decision": ("unit/domain/run_decision",),
        "domain.ownership": ("unit/domain/ownership",),
        "domain.label_decision": ("unit/domain/label_decision", "unit/domain/ended", "scenarios/push/ended_branches"),
        "domain.task_id": ("unit/domain/task_id",),
        "settings.tasks": ("unit/domain/task_id", "unit/settings/bad_input"),
        "settings.policies": ("scenarios/companies/policies",),
        "core.keys": _LEASE,
        "lease.lease_object": (*_LEASE, "unit/kube/refusals"),
        "lease.task_lease": (*_LEASE, "unit/kube/refusals", "scenarios/faults/servers_that_refuse"),
        "lease.held_lease": (*_LEASE, "unit/kube/refusals"),
        "cancellation.claim": (
            "unit/cancellation/claim",
            "scenarios/help/rounds",
            "scenarios/help/failures",
            "scenarios/push/two_branches",
            "scenarios/push/lives_again",
            "scenarios/push/ended_branches",
            "scenarios/push/restored_commits",
        ),
        "cancellation.doubtful_runs": ("unit/cancellation/doubtful_runs", "scenarios/push/doubtful_runs"),
        "cancellation.requested_push": ("unit/cancellation/requested_push", "scenarios/push/requested_pushes"),
        "pull_request.labels": ("unit/pull_request/labels", *_PUSH, *_ORDER, "scenarios/pull_request/late_labels"),
        "pull_request.label_plan": (
            "unit/pull_request/label_plan",
            "scenarios/push/two_branches",
            "scenarios/push/ended_branches",
        ),
        "pull_request.push_history": ("unit/pull_request/push_history", *_ORDER),
        "cancellation.coalescing": ("unit/cancellation/coalescing", "unit/cancellation/waiting_head"),
        "reconciliation.detection": (
            *_FINDINGS,
            "scenarios/pull_request/late_labels",
            "scenarios/push/restored_commits",
        ),
        "reconciliation.task_index": _FINDINGS,
        "reconciliation.planning": ("unit/reconciliation/planning",),
        "reconciliation.attempts": (
            "unit/reconciliation/attempts",
            "unit/reconciliation/repair",
            "unit/reconciliation/reconcile_pass",
        ),
        "reconciliation.unstarted_workflows": _FINDINGS,
        "observed_state.repair_attempts": ("unit/reconciliation/attempts",),
        "observed_state.late_labels": ("unit/observed_state/late_labels",),
        "observed_state.task_workflow": (*_FINDINGS, "unit/reconciliation/snapshot"),
        "reconciliation.garbage_collection": ("unit/reconciliation/garbage_collection",),
        "reconciliation.snapshot": (
            "unit/reconciliation/snapshot",
            "unit/reconciliation/reconcile_pass",
            "unit/reconciliation/planning",
            "scenarios/reconcile/odd_objects",
            "scenarios/pull_request/late_labels",
            "scenarios/companies/policies",
        ),
        "reconciliation.github_state": ("unit/reconciliation/snapshot", "scenarios/pull_request/late_labels"),
        "reconciliation.repair": (
            "unit/reconciliation/repair",
            "unit/reconciliation/reconcile_pass",
            "scenarios/reconcile/locks",
            "scenarios/reconcile/limits",
        ),
        "reconciliation.escalation": ("unit/reconciliation/repair", "unit/reconciliation/reconcile_pass"),
        "reconciliation.reconcile_pass": ("unit/reconciliation/reconcile_pass",),
        "reconcile": ("unit/reconciliation/reconcile_pass",),
        "breaker.shared": _BREAKER,
        "breaker.circuit": _BREAKER,
        "cancellation.state_update": ("unit/cancellation/state_document", *_FINDINGS),
        "cancellation.state_document": ("unit/cancellation/state_document", *_FINDINGS),
        "agents.runs": (
            "unit/agents/runs",
            "unit/agents/run_parts",
            "scenarios/agents/parts_of_runs",
            "scenarios/agents/busy_runs",
            "scenarios/agents/kinds",
            *_PUSH,
        ),
        "agents.decisions": ("unit/agents/decisions", "scenarios/agents/owned_runs", *_STOP, *_PUSH),
        "agents.graceful_stop": (*_STOP, *_TOGETHER, "scenarios/agents/owned_runs"),
        "agents.deletion": (*_STOP, *_TOGETHER, "scenarios/agents/owned_runs", *_BREAKER, *_PUSH),
        "agents.stop": (*_STOP, *_OWNED, "scenarios/agents/presets", "scenarios/reports/events", *_PUSH),
        "agents.verification": (
            "unit/agents/verification",
            *_STOP,
            "scenarios/agents/late_jobs",
            *_OWNED,
            "scenarios/agents/presets",
            *_PUSH,
        ),
        "agents.observation": (
            "unit/agents/observation",
            "unit/agents/verification",
            *_OWNED,
            *_STOP,
            "scenarios/agents/presets",
            "scenarios/agents/several_namespaces",
        ),
        "agents.overdue": ("unit/agents/overdue", "unit/agents/remaining_objects", *_OWNED, *_STOP),
        "agents.ownership": ("unit/agents/ownership", "unit/agents/decisions", *_OWNED, *_STOP),
        "agents.owned_object": ("unit/agents/owned_object", "unit/agents/owned_resources"),
        "agents.owned_resources": (
            "unit/agents/owned_resources",
            "unit/agents/dependents",
            "scenarios/agents/owned_objects",
        ),
        "agents.dependents": (
            "unit/agents/dependents",
            "unit/agents/stop",
            "scenarios/agents/named_jobs",
            "scenarios/agents/ended_owners",
        ),
        "cancel": (
            "scenarios/reports/endings",
            "unit/cancellation/report",
            "unit/telemetry/measurements",
            "unit/cancellation/coalescing",
            "unit/cancellation/waiting_head",
            "unit/cancellation/state_document",
            *_BREAKER,
            *_PUSH,
        ),
        "cancellation.execution": (
            "unit/cancellation/settlement",
            "unit/cancellation/execution",
            "scenarios/pull_request/labels",
            "scenarios/reports/endings",
            "unit/cancellation/report",
            "unit/telemetry/measurements",
            "unit/cancellation/coalescing",
            "unit/cancellation/waiting_head",
            "unit/cancellation/state_document",
            *_BREAKER,
            *_PUSH,
        ),
        "cancellation.settlement": (
            "unit/cancellation/settlement",
            "unit/cancellation/execution",
            "unit/telemetry/measurements",
            "scenarios/help/rounds",
            "scenarios/help/failures",
            "scenarios/reports/endings",
            "unit/cancellation/report",
            "scenarios/reports/events",
            "unit/cancellation/state_document",
            *_PUSH,
        ),
        "cancellation.planned_record": (
            "unit/cancellation/planned_record",
            "scenarios/reports/dry_run",
            "scenarios/push/two_branches",
        ),
        "cancellation.dry_run": (
            "scenarios/reports/dry_run",
            "unit/cancellation/execution",
            "unit/cancellation/report",
            *_PUSH,
        ),
        "fail": ("scenarios/reports/endings", "scenarios/reports/events", *_PUSH),
    }
)


def source_of(module: str) -> Path:
    """The file of a target, below the repository."""
    return Path("steps", *module.split(".")).with_suffix(".py")


def file_of_test(name: str) -> Path:
    """The file of a test, below the repository."""
    folder, _, module = name.rpartition("/")
    return Path("tests", folder, f"test_{module}.py")


def module_of(place: str) -> str:
    """The target that a function's dotted name begins with."""
    return max((module for module in TARGETS if place.startswith(f"{module}.")), key=len, default=place)
