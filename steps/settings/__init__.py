"""The settings tree of the steps: frozen dataclasses, the types of their values, and the errors for wrong settings.

Guarantees that an unknown, missing or malformed key is an error that names the key, the problem and the fix. The error
never quotes a value. Credentials are never settings.
"""

from steps.settings.agent_kinds import RunKind
from steps.settings.cancellation import BreakerSettings, KubernetesSettings, LeaseSettings, PushSettings, StateSettings
from steps.settings.github import GitHubSettings, LabelSettings
from steps.settings.loading import SETTINGS_ENV, ReconcileStepSettings, StepSettings, load_settings, settings_from_env
from steps.settings.reconcile import PushSources, ReconcileSettings
from steps.settings.tasks import TaskPattern
from steps.settings.types import LABEL_VALUE_PATTERN, REPOSITORY_PATTERN, Count, Name, Seconds
from steps.settings.validation import pattern_validator

__all__ = [
    "LABEL_VALUE_PATTERN",
    "REPOSITORY_PATTERN",
    "SETTINGS_ENV",
    "BreakerSettings",
    "Count",
    "GitHubSettings",
    "KubernetesSettings",
    "LabelSettings",
    "LeaseSettings",
    "Name",
    "PushSettings",
    "PushSources",
    "ReconcileSettings",
    "ReconcileStepSettings",
    "RunKind",
    "Seconds",
    "StateSettings",
    "StepSettings",
    "TaskPattern",
    "load_settings",
    "pattern_validator",
    "settings_from_env",
]
