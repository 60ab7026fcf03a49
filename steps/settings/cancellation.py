"""Settings of how a push is answered: whose it is, the task's lock, how agents are stopped, what is asked how often."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from steps.settings.types import STRICT, Count, DataKey, Name, Seconds
from steps.settings.validation import pattern_validator


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces:
    """Where things live."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    workflows: Annotated[Name, Field(description="Workflows, Leases and their records")]
    agents: Annotated[Name, Field(description="agent runs, their Jobs and pods, and the task state ConfigMaps")]
    events: Annotated[Name, Field(description="the EventSource and the Sensor")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """Which pushes count, and how late one may arrive."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    branch: Annotated[
        str,
        Field(
            description="ref of a task's branch, anchored; the first group is the task id. Go (RE2) and Python syntax"
        ),
    ]
    tolerance_s: Annotated[
        Seconds,
        Field(
            description="how far GitHub's clock and the cluster's may be apart; a push never reaches runs created "
            "later than its own time plus this, so a redelivery an hour late is harmless"
        ),
    ]

    def __post_init__(self) -> None:
        try:
            groups = re.compile(self.branch).groups
        except re.error as error:
            raise ValueError(f"branch is not a regular expression: {error}") from error
        if groups != 1:
            raise ValueError(f"branch needs exactly one group, the task id; it has {groups}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """The lock of a task: 30 s, renewed every 10 s, as the platform's specification asks."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    duration_s: Annotated[Seconds, Field(description="a hold that has not changed for this long is expired")]
    renew_every_s: Annotated[Seconds, Field(description="how often a holder renews")]
    renew_deadline_s: Annotated[
        Seconds, Field(description="work stops when the last successful renewal was sent this long ago")
    ]
    retry_every_s: Annotated[Seconds, Field(description="how often a waiter looks, plus up to a fifth of jitter")]
    acquire_timeout_s: Annotated[Seconds, Field(description="a waiter gives up (exit 75) after this long")]
    handover: Annotated[
        str,
        Field(
            description="file on the pod's memory-backed volume in which its first container leaves the Lease for the "
            "second; empty: it is read again"
        ),
    ]

    def __post_init__(self) -> None:
        # The rules of client-go's leader election: duration / deadline is the clock-rate error that is survived.
        if not self.duration_s > self.renew_deadline_s:
            raise ValueError("duration_s must be longer than renew_deadline_s")
        if not self.renew_deadline_s > 1.2 * self.renew_every_s:
            raise ValueError("renew_deadline_s must be longer than 1.2 times renew_every_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSettings:
    """How an agent is stopped: 30 s of grace, 10 s to verify, 3 attempts, 10 at once, as specified."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    grace_s: Annotated[Seconds, Field(description="SIGTERM to forced deletion of the pods")]
    verify_s: Annotated[Seconds, Field(description="forced deletion to giving up (exit 75)")]
    poll_s: Annotated[Seconds, Field(description="how often the agents are listed while they end")]
    attempts: Annotated[Count, Field(description="attempts of each delete")]
    backoff_s: Annotated[Seconds, Field(description="first pause between attempts; doubles, with jitter")]
    parallel: Annotated[Count, Field(description="deletes under way at once")]


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings:
    """How the API server is asked."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    timeout_s: Annotated[Seconds, Field(description="one request")]
    attempts: Annotated[Count, Field(description="attempts of a read; a write is repeated only after reading again")]
    page: Annotated[Count | Annotated[int, Field(ge=1, le=5000)], Field(description="objects in one page of a list")]
    events: Annotated[
        bool, Field(description="leave Events on a task's Lease and on each run that is stopped, for kubectl describe")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a dependency that fails is left alone: 5 failures, 30 s, one probe, as specified."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    failures: Annotated[Count, Field(description="failures in a row that open the breaker of a dependency")]
    open_s: Annotated[Seconds, Field(description="how long nobody asks it then; after that, one at a time may try")]
    window_s: Annotated[
        Seconds, Field(description="failures farther apart than this are not in a row; also the retry budget's window")
    ]
    retries: Annotated[
        int, Field(ge=1, le=10000, description="retries of all pods together in one window; then each tries once")
    ]
    limit_s: Annotated[Seconds, Field(description="longest rate limit that pods believe each other")]
    config_map: Annotated[Name, Field(description="ConfigMap that they share, in the workflows' namespace")]
    mount: Annotated[str, Field(min_length=1, description="where it is mounted, so that all's well costs no request")]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """The platform's own state of a task."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    config_map: Annotated[
        str,
        pattern_validator(
            r"([a-z0-9]|(?<!^)[.-](?!$)|\{task\})*",
            give="a name of lower-case letters, digits, dashes and dots, with {task} in it",
        ),
        Field(description="name of the ConfigMap, with {task}"),
    ]
    key: Annotated[DataKey, Field(description="key of the JSON document in it")]

    def __post_init__(self) -> None:
        if "{task}" not in self.config_map:
            raise ValueError("config_map must contain {task}")
