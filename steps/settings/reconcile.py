"""Settings of reconcile: how often it runs, when it repairs a task, and how often it tries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AfterValidator, ConfigDict, Field

from steps.settings.policies import names_repository
from steps.settings.types import SENDER_PATTERN, STRICT, Count, Event, RepositoryName, Seconds
from steps.settings.validation import pattern_validator

_MINUTE_S = 60
_HOUR_S = 3600


def _checked_interval(seconds: int) -> int:
    """Check that a schedule can have the interval.

    Raises:
        ValueError: It cannot: a pod starts at whole minutes, as often in each hour.
    """
    if 0 < seconds < 10 or (seconds > _MINUTE_S and (seconds % _MINUTE_S or _HOUR_S % seconds)):  # noqa: PLR2004 - said below
        raise ValueError(
            "give 0, or 10 to 60, or 120, 180, 240, 300, 360, 600, 720, 900, 1200, 1800 or 3600: whole minutes that "
            "divide an hour"
        )
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSources:
    """The repositories, senders and events that count."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    repositories: Annotated[
        tuple[RepositoryName, ...],
        Field(min_length=1, description="owner/name, or owner/* for all of an owner; pushes to any other are ignored"),
    ]
    senders: Annotated[
        tuple[Annotated[str, pattern_validator(SENDER_PATTERN, give="a login, such as octocat or some-app[bot]")], ...],
        Field(min_length=1, description="logins whose pushes make agents stale"),
    ]
    react_to: Annotated[
        tuple[Event, ...],
        Field(
            min_length=1,
            description="events that count: push; closed: a pull request is closed or merged; deleted: a branch is "
            "deleted; both stop all agents of the task, whoever did it; opened: a pull request is opened after its "
            "push, and gets its labels; commands: a person who may write comments /cancel-agents or /keep-agents on a "
            "pull request",
        ),
    ]

    def __post_init__(self) -> None:
        if "push" not in self.react_to:
            raise ValueError("react_to has no push, so no push would stop an agent: add it")

    @property
    def named(self) -> tuple[str, ...]:
        """The repositories that are named one by one, without owner/*."""
        return tuple(each for each in self.repositories if not each.endswith("/*"))

    def has(self, repository: str) -> bool:
        """Whether pushes to a repository count. GitHub ignores the case of its names."""
        return names_repository(self.repositories, repository)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """How reconcile finds cancellations that did not finish, and finishes them."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    every_s: Annotated[
        int,
        AfterValidator(_checked_interval),
        Field(
            ge=0,
            le=3600,
            description="time from one pass to the next; above 60, minutes that divide an hour; 0: off",
        ),
    ]
    stuck_after_s: Annotated[
        Seconds,
        Field(description="reconcile retries an unfinished cancellation whose Lease was not renewed for this long"),
    ]
    lost_after_s: Annotated[
        Seconds, Field(description="a push on GitHub without a Workflow counts as lost after this long")
    ]
    unstarted_after_s: Annotated[
        Seconds,
        Field(
            description="a Workflow that nobody has worked for after this long is reported: Argo does not start it, or "
            "its pod does not start"
        ),
    ]
    ask_github: Annotated[
        bool,
        Field(
            description="look for lost pushes: one request for each repository with live agents in each pass; needs "
            "read access to contents"
        ),
    ]
    late_labels_s: Annotated[
        int,
        Field(
            ge=0,
            le=30 * 86400,
            description="reconcile looks for a pull request that was opened after its push, and for a skip label that "
            "was removed, for this long after the push; one request for each such repository in each pass; 0: never; "
            "needs ask_github",
        ),
    ]
    in_flight: Annotated[Count, Field(description="repairs that run at the same time")]
    tries: Annotated[
        Count,
        Field(
            description="repairs of one task; after that, its Lease gets the label agent-cancellation/needs-attention"
        ),
    ]
    backoff_s: Annotated[Seconds, Field(description="pause after a task's first repair; doubles after each repair")]
    keep_idle_days: Annotated[
        int, Field(ge=1, le=3650, description="reconcile deletes the Lease of a finished task after this long")
    ]
    dry_run: Annotated[bool, Field(description="true: only log the repairs, change nothing")]

    def __post_init__(self) -> None:
        if 0 < self.late_labels_s <= self.every_s:
            raise ValueError("late_labels_s must be longer than every_s, or 0: no pass would look in time")
