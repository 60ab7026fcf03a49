"""The settings tree of the steps, and how it is loaded.

`pipelines.settings` extends it with what only the generator needs, reads it from `settings.toml` and renders the part
below into the environment of every container as `CANCELLATION_SETTINGS` (`StepSettings` for the steps of a push,
`ReconcileStepSettings` for reconcile); the steps read it back from there. An unknown or malformed key is an error that
names it. Credentials are never settings: they are files in `github.credentials_dir`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from steps.core import BadInputError
from steps.settings.agent_kinds import RunKind
from steps.settings.cancellation import (
    BreakerSettings,
    KubernetesSettings,
    LeaseSettings,
    Namespaces,
    PushSettings,
    StateSettings,
    StopSettings,
)
from steps.settings.github import CommentSettings, GitHubSettings, LabelSettings
from steps.settings.reconcile import PushSources, ReconcileSettings
from steps.settings.types import STRICT
from steps.settings.validation import describe_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS_ENV = "CANCELLATION_SETTINGS"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """Everything a step can be told, besides the push itself."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    namespaces: Namespaces
    push: PushSettings
    lease: LeaseSettings
    stop: StopSettings
    kubernetes: KubernetesSettings
    github: GitHubSettings
    breaker: BreakerSettings
    labels: LabelSettings
    comment: CommentSettings
    state: StateSettings
    agents: Annotated[tuple[RunKind, ...], Field(min_length=1, description="kinds of agent runs")]

    def __post_init__(self) -> None:
        # The last request may begin when the hold is almost due for renewal, and take this long twice: to connect, and
        # to be answered.
        if not self.lease.renew_every_s + 2 * self.comment.deadline_s < self.lease.renew_deadline_s:
            raise ValueError("comment.deadline_s: twice that and lease.renew_every_s must be below renew_deadline_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileStepSettings(StepSettings):
    """Everything that reconcile can be told."""

    reconcile: ReconcileSettings
    events: PushSources


T = TypeVar("T", bound=StepSettings)


def load_settings(tree: type[T], values: Mapping[str, object], *, source: str) -> T:
    """Build a settings tree from plain values.

    Args:
        tree: `StepSettings` or the generator's extension of it.
        values: Nested mapping, as TOML or JSON gives it.
        source: Where the values came from, for the error.

    Raises:
        BadInputError: A key is unknown, missing or malformed; every such key is named.
    """
    try:
        return TypeAdapter(tree).validate_python(values)
    except ValidationError as error:
        raise BadInputError(f"{source}: " + "; ".join(describe_errors(error))) from error


def settings_from_env(env: Mapping[str, str], tree: type[T]) -> T:
    """Read back what the generator rendered into the container's environment.

    Args:
        env: The container's environment.
        tree: What the container was given.

    Raises:
        BadInputError: The variable is missing, not JSON, or holds a wrong key.
    """
    text = env.get(SETTINGS_ENV)
    if text is None:
        raise BadInputError(
            f"{SETTINGS_ENV} is not set: the steps run from the rendered WorkflowTemplate, which sets it"
        )
    try:
        values = json.loads(text)
    except ValueError as error:
        raise BadInputError(f"{SETTINGS_ENV} is not JSON: render the manifests again") from error
    return load_settings(tree, values, source=SETTINGS_ENV)
