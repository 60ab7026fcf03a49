"""What can be wrong with an installation, as checks. Reads only."""

from pipelines.doctor.check import CheckResult, CheckStatus, Installation, exit_code, run_checks
from pipelines.doctor.credentials import github_access, github_ca, github_secret, webhook_secret
from pipelines.doctor.installation import access, drift, escalated_tasks, events, limits, schedule, webhook
from pipelines.doctor.platform import argo, event_bus, kinds, namespaces, restrictions
from pipelines.doctor.registry import check_installation

__all__ = [
    "CheckResult",
    "CheckStatus",
    "Installation",
    "access",
    "argo",
    "check_installation",
    "drift",
    "escalated_tasks",
    "event_bus",
    "events",
    "exit_code",
    "github_access",
    "github_ca",
    "github_secret",
    "kinds",
    "limits",
    "namespaces",
    "restrictions",
    "run_checks",
    "schedule",
    "webhook",
    "webhook_secret",
]
