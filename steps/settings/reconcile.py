"""Settings of reconcile: how often it looks, when something counts as wrong, and how often it tries to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from steps.settings.types import REPOSITORY_PATTERN, SENDER_PATTERN, STRICT, Count, Seconds
from steps.settings.validation import pattern_validator


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSources:
    """Whose pushes count, and where."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    repositories: Annotated[
        tuple[Annotated[str, pattern_validator(REPOSITORY_PATTERN, give="owner/name, such as 5dlabs/cto")], ...],
        Field(min_length=1, description="owner/name; pushes to any other are ignored"),
    ]
    senders: Annotated[
        tuple[Annotated[str, pattern_validator(SENDER_PATTERN, give="a login, such as octocat or some-app[bot]")], ...],
        Field(min_length=1, description="logins whose pushes make agents stale"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """How what went wrong anyway is found and finished."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    every_s: Annotated[
        int,
        Field(ge=10, le=60, description="from one pass to the next; a pod of each minute does them one after another"),
    ]
    stuck_after_s: Annotated[
        Seconds, Field(description="an unfinished cancellation without a sign of life for this long is taken up again")
    ]
    lost_after_s: Annotated[
        Seconds, Field(description="a push that GitHub knows of and no Workflow does is lost after this long")
    ]
    ask_github: Annotated[
        bool,
        Field(
            description="look for lost pushes: one request per repository with live agents and pass; needs read access "
            "to contents"
        ),
    ]
    in_flight: Annotated[Count, Field(description="repairs under way at once")]
    tries: Annotated[Count, Field(description="repairs of one task before it is left to a person")]
    backoff_s: Annotated[Seconds, Field(description="pause after a task's first repair; doubles with each further one")]
    keep_idle_days: Annotated[
        int, Field(ge=1, le=3650, description="a finished task's Lease and record are deleted after this long")
    ]
    dry_run: Annotated[bool, Field(description="only log what would be done")]
