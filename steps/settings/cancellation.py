"""Settings of a cancellation: Argo, clocks, the task's Lease, stopping agents, requests, the breaker, the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from steps.settings.types import STRICT, Count, DataKey, Name, OptionalLabelValue, Seconds, fill_task
from steps.settings.validation import pattern_validator

# Argo reads it at a Workflow, a WorkflowTemplate and a CronWorkflow.
INSTANCE_LABEL = "workflows.argoproj.io/controller-instanceid"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoSettings:
    """The Argo Workflows controller that runs the Workflows."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    instance_id: Annotated[
        OptionalLabelValue,
        Field(
            description="`instanceID` of the controller, if it has one: it ignores Workflows that do not carry it; "
            "empty: none"
        ),
    ]

    @property
    def labels(self) -> dict[str, str]:
        """The labels by which the controller knows its objects."""
        return {INSTANCE_LABEL: self.instance_id} if self.instance_id else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """How far clocks may be apart."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    tolerance_s: Annotated[
        Seconds,
        Field(
            description="how far GitHub's clock and the API server's may be apart at most. The measured difference is "
            "used; if it is larger than this, a warning is logged. A push never stops runs created later than its own "
            "time plus the difference, so a redelivery an hour late is harmless"
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """The Lease of a task. Specified: 30 s, renewed every 10 s."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    duration_s: Annotated[Seconds, Field(description="a Lease that has not changed for this long has expired")]
    renew_every_s: Annotated[Seconds, Field(description="time between renewals")]
    renew_deadline_s: Annotated[
        Seconds, Field(description="the holder stops work this long after it sent its last successful renewal")
    ]
    retry_every_s: Annotated[
        Seconds, Field(description="time between a waiter's reads of the Lease, plus up to 20 % jitter")
    ]
    acquire_timeout_s: Annotated[Seconds, Field(description="a waiter gives up after this long (exit 75, retried)")]

    def __post_init__(self) -> None:
        # The rules of client-go's leader election: duration / deadline is the tolerated error of a clock's rate.
        if not self.duration_s > self.renew_deadline_s:
            raise ValueError("duration_s must be longer than renew_deadline_s")
        if not self.renew_deadline_s > 1.2 * self.renew_every_s:
            raise ValueError("renew_deadline_s must be longer than 1.2 times renew_every_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSettings:
    """How agents are stopped. Specified: 30 s of grace, 10 s to verify, 3 attempts, 10 at once."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    grace_s: Annotated[Seconds, Field(description="from SIGTERM to the forced deletion of the pods")]
    verify_s: Annotated[Seconds, Field(description="from the forced deletion to giving up (exit 75, retried)")]
    poll_s: Annotated[
        Seconds,
        Field(description="longest time between two lists of ending agents; the first is a fifth"),
    ]
    attempts: Annotated[Count, Field(description="attempts of each delete")]
    backoff_s: Annotated[Seconds, Field(description="first pause between attempts; doubles, with jitter")]
    parallel: Annotated[Count, Field(description="deletes at the same time")]


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpSettings:
    """Help for pushes that wait: a pod processes the pushes of other Workflows that have no pod yet."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    pushes: Annotated[
        int,
        Field(ge=0, le=500, description="pushes that one pod helps at the same time; 0: each waits for its own pod"),
    ]
    longest_s: Annotated[Seconds, Field(description="seconds after which a pod begins no further help")]
    parallel: Annotated[
        Count, Field(description="pushes whose DELETEs are sent at the same time; 1: one push after the other")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings:
    """Requests to the API server."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    timeout_s: Annotated[Seconds, Field(description="longest time for one request")]
    attempts: Annotated[Count, Field(description="attempts of a read; a write is retried only after a new read")]
    page: Annotated[
        Count | Annotated[int, Field(ge=1, le=5000)],
        Field(description="most objects in one page of a list; fewer if they are large"),
    ]
    events: Annotated[
        bool, Field(description="create Events on a task's Lease and on each stopped run, for `kubectl describe`")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """The circuit breakers, one for GitHub, one for the agents' API. Specified: 5 failures, 30 s, one probe."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    failures: Annotated[Count, Field(description="failures in a row that open the breaker")]
    open_s: Annotated[Seconds, Field(description="pods send no requests for this long; then one at a time may try")]
    window_s: Annotated[
        Seconds, Field(description="failures farther apart than this are not in a row; also the window of `retries`")
    ]
    retries: Annotated[
        int,
        Field(
            ge=1,
            le=10000,
            description="retries of all pods together in one window; after that, each request is sent once",
        ),
    ]
    limit_s: Annotated[Seconds, Field(description="longest rate limit that a pod accepts from another")]
    config_map: Annotated[Name, Field(description="ConfigMap that the pods share, in the workflows' namespace")]
    mount: Annotated[
        str, Field(min_length=1, description="where the ConfigMap is mounted; closed breakers cost no request")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """The platform's state document of a task."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    config_map: Annotated[
        str,
        pattern_validator(
            r"([a-z0-9]|(?<!^)[.-](?!$)|\{task\})*",
            give="a name of lower-case letters, digits, dashes and dots, with {task} in it, or nothing",
        ),
        Field(description="name of the task's ConfigMap, with {task}; empty: tasks have no state document"),
    ]
    key: Annotated[DataKey, Field(description="key of the JSON document in the ConfigMap")]

    def of_task(self, task: str) -> str:
        """Return the name of a task's ConfigMap. Call it only if `config_map` is set."""
        return fill_task(self.config_map, task=task)

    def __post_init__(self) -> None:
        if self.config_map and self.config_map.count("{task}") != 1:
            raise ValueError("config_map must contain {task} once, so that each task has its own")
