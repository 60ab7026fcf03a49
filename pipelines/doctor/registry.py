"""All checks of an installation, by name, in the order in which they run."""

from __future__ import annotations

from pipelines.doctor.argo import argo, instance, pod_layout, restrictions
from pipelines.doctor.check import CheckResult, Installation, run_checks
from pipelines.doctor.cluster import api_server_ports, dns_ports, kinds, namespaces
from pipelines.doctor.credentials import github_access, github_ca, github_secret, webhook_secret
from pipelines.doctor.events import event_bus, events, senders, webhook
from pipelines.doctor.objects import drift
from pipelines.doctor.permissions import access
from pipelines.doctor.pods import nodes, pull_secrets, users
from pipelines.doctor.subscription import subscription
from pipelines.doctor.workflows import escalated_tasks, limits, parallelism, schedule

CHECKS = {
    "namespaces": namespaces,
    "kinds": kinds,
    "senders": senders,
    "api server": api_server_ports,
    "dns": dns_ports,
    "argo": argo,
    "argo's instance": instance,
    "argo's mode": restrictions,
    "argo's pods": pod_layout,
    "argo's limits": parallelism,
    "event bus": event_bus,
    "objects": drift,
    "access": access,
    "pull secrets": pull_secrets,
    "nodes": nodes,
    "users": users,
    "limits": limits,
    "webhook secret": webhook_secret,
    "events": events,
    "webhook": webhook,
    "reconcile": schedule,
    "tasks": escalated_tasks,
    "github secret": github_secret,
    "github's ca": github_ca,
    "github": github_access,
    "github's events": subscription,
}
# They send requests to GitHub.
_OF_GITHUB = {"github", "github's events"}


def check_installation(installation: Installation, *, github: bool = True) -> list[CheckResult]:
    """Run the checks and return their findings."""
    checks = {name: check for name, check in CHECKS.items() if github or name not in _OF_GITHUB}
    return list(run_checks(installation, checks))
