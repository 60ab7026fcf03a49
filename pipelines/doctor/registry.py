"""Every check of an installation, by name, in the order in which they run."""

from __future__ import annotations

from pipelines.doctor.check import CheckResult, Installation, run_checks
from pipelines.doctor.credentials import github_access, github_ca, github_secret, webhook_secret
from pipelines.doctor.installation import access, drift, escalated_tasks, events, limits, schedule, webhook
from pipelines.doctor.platform import argo, event_bus, kinds, namespaces, restrictions

CHECKS = {
    "namespaces": namespaces,
    "kinds": kinds,
    "argo": argo,
    "argo's mode": restrictions,
    "event bus": event_bus,
    "objects": drift,
    "access": access,
    "limits": limits,
    "webhook secret": webhook_secret,
    "events": events,
    "webhook": webhook,
    "reconcile": schedule,
    "tasks": escalated_tasks,
    "github secret": github_secret,
    "github's ca": github_ca,
    "github": github_access,
}


def check_installation(installation: Installation, *, github: bool = True) -> list[CheckResult]:
    """Everything that the checks find."""
    checks = {name: check for name, check in CHECKS.items() if github or name != "github"}
    return list(run_checks(installation, checks))
