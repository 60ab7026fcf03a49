"""The settings tree of the steps, and how to load it.

`pipelines.settings` extends the tree with the generator's own settings and reads it from a settings file. It renders
the part below into the environment of every container as `CANCELLATION_SETTINGS`: `StepSettings` for the steps of a
push, `ReconcileStepSettings` for reconcile. The steps read it from there. An unknown or malformed key is an error that
names the key. Credentials are never settings: they are files in `github.credentials_dir`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Self, TypeVar, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from steps.core import BadInputError
from steps.settings.agent_kinds import RunKind, find_doubly_claimed
from steps.settings.cancellation import (
    ArgoSettings,
    BreakerSettings,
    HelpSettings,
    KubernetesSettings,
    LeaseSettings,
    PushSettings,
    StateSettings,
    StopSettings,
)
from steps.settings.github import CommentSettings, GitHubSettings, LabelSettings
from steps.settings.namespaces import Namespaces
from steps.settings.policies import RepositoryPolicy, names_repository
from steps.settings.reconcile import PushSources, ReconcileSettings
from steps.settings.tasks import TaskPattern, check_prefixes
from steps.settings.types import STRICT, Event
from steps.settings.validation import describe_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS_ENV = "CANCELLATION_SETTINGS"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """All settings of the steps of a push."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    namespaces: Namespaces
    argo: ArgoSettings
    tasks: Annotated[tuple[TaskPattern, ...], Field(min_length=1, description="branches that are tasks")]
    push: PushSettings
    lease: LeaseSettings
    stop: StopSettings
    help: HelpSettings
    kubernetes: KubernetesSettings
    github: GitHubSettings
    breaker: BreakerSettings
    labels: LabelSettings
    comment: CommentSettings
    state: StateSettings
    agents: Annotated[tuple[RunKind, ...], Field(min_length=1, description="kinds of agent runs")]
    policies: Annotated[tuple[RepositoryPolicy, ...], Field(description="what differs for some repositories")] = ()

    def __post_init__(self) -> None:
        for policy in self.policies:
            policy.labels_over(self.labels)
        if problem := find_doubly_claimed(self.agents):
            raise ValueError(problem)
        check_prefixes(self.tasks)
        # The last request may start just before a renewal is due, and take this long twice: to connect, and to get an
        # answer.
        if not self.lease.renew_every_s + 2 * self.comment.deadline_s < self.lease.renew_deadline_s:
            raise ValueError(
                "comment.deadline_s: lower it; twice that plus lease.renew_every_s must be below renew_deadline_s"
            )

    def policy_of(self, repository: str) -> RepositoryPolicy | None:
        """Return the policy that decides about a repository; None if the general settings do."""
        return next((each for each in self.policies if names_repository(each.repositories, repository)), None)

    def for_repository(self, repository: str) -> Self:
        """Return the settings for a repository. Call it on the general settings only."""
        policy = self.policy_of(repository)
        if policy is None:
            return self
        enabled = self.comment.enabled if policy.comment is None else policy.comment
        return replace(
            self,
            labels=policy.labels_over(self.labels),
            comment=replace(self.comment, enabled=enabled),
            agents=tuple(policy.kind_over(kind) for kind in self.agents),
        )

    def ignores(self, reason: str, *, repository: str) -> bool:
        """Whether the policy of a repository leaves out the event that is a Workflow's reason."""
        policy = self.policy_of(repository)
        events = get_args(Event)
        return bool(policy and policy.react_to is not None and reason in events and reason not in policy.react_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileStepSettings(StepSettings):
    """All settings of reconcile."""

    reconcile: ReconcileSettings
    events: PushSources

    def reacts_to(self, event: Event, *, repository: str) -> bool:
        """Whether events of this kind count for a repository."""
        return event in self.events.react_to and not self.ignores(event, repository=repository)


T = TypeVar("T", bound=StepSettings)


def load_settings(tree: type[T], values: Mapping[str, object], *, source: str) -> T:
    """Create a settings tree from plain values.

    Args:
        tree: `StepSettings` or the generator's extension of it.
        values: Nested mapping from TOML or JSON.
        source: Origin of the values, for the error.

    Raises:
        BadInputError: A key is unknown, missing or malformed; every such key is named.
    """
    try:
        return TypeAdapter(tree).validate_python(values)
    except ValidationError as error:
        raise BadInputError(f"{source}: " + "; ".join(describe_errors(error, values=values))) from error


def settings_from_env(env: Mapping[str, str], tree: type[T]) -> T:
    """Read the settings that the generator rendered into the container's environment.

    Args:
        env: The container's environment.
        tree: The type of the container's settings.

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
