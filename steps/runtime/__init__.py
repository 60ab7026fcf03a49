"""The process of a container: entry point, context, clients, signals, failure, Events about the task.

Guarantees that every failed step ends with one log line, and every step with one exit code.
"""

from steps.runtime.context import Clients, StepContext
from steps.runtime.entrypoint import pod_audit, pod_identity, run_process, run_step
from steps.runtime.events import emit_event, emit_task_event
from steps.runtime.failure import logged_failure, recording_failure
from steps.runtime.github_connections import GitHubConnections
from steps.runtime.unreadable_github import UnreadableGitHub
from steps.runtime.wiring import build_breakers, build_clients

__all__ = [
    "Clients",
    "GitHubConnections",
    "StepContext",
    "UnreadableGitHub",
    "build_breakers",
    "build_clients",
    "emit_event",
    "emit_task_event",
    "logged_failure",
    "pod_audit",
    "pod_identity",
    "recording_failure",
    "run_process",
    "run_step",
]
