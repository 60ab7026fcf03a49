"""Settings of the Workflow of a push: its image, its limits, its traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from pipelines.settings.resources import STRICT, Resources, check_resources
from steps.settings import Count, Name, pattern_validator

# Argo's own limit for seconds.
_INT32 = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """Image of the steps."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Annotated[
        str,
        pattern_validator(
            r"[^\s{}]+:[^\s{}:/]+",
            give="a name with a tag or digest, such as registry.example.com/agent-cancellation:0.1.0",
        ),
        Field(description="name and tag under which your nodes pull the image that `make image` builds"),
    ]
    pull_policy: Annotated[Literal["Always", "IfNotPresent", "Never"], Field(description="when nodes pull the image")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSettings:
    """The Workflow of one push."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    concurrent: Annotated[
        Count,
        Field(
            description="cancellations at once over all tasks; can be changed live in ConfigMap cancel-agents-limits"
        ),
    ]
    retries: Annotated[int, Field(ge=0, le=10, description="further attempts after exit code 75 or a lost pod")]
    deadline_s: Annotated[int, Field(ge=60, le=3600, description="longest time for one attempt")]
    keep_succeeded_s: Annotated[int, Field(ge=60, le=_INT32, description="how long a succeeded Workflow is kept")]
    keep_failed_s: Annotated[
        int, Field(ge=60, le=_INT32, description="how long a failed Workflow is kept, to retry from")
    ]
    credentials_secret: Annotated[Name, Field(description="Secret with GitHub's credentials")]
    api_server_ports: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65535)], ...],
        Field(
            min_length=1,
            description="ports of the API server that the NetworkPolicy lets the pods connect to: that of its Service, "
            "and that of its endpoints; `doctor` compares them",
        ),
    ]
    dns_ports: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65535)], ...],
        Field(
            min_length=1,
            description="ports of the cluster's DNS that the NetworkPolicy lets the pods connect to: that of its "
            "Service, and that of its endpoints (OpenShift: 5353); `doctor` compares them",
        ),
    ]
    requests: Annotated[Resources, Field(description="requests of each container")]
    limits: Annotated[
        Resources,
        Field(
            description="limits of each container; a step needs 0.4 s of CPU to start, so a limit of 300m delays the "
            "first delete by a second"
        ),
    ]
    profile: Annotated[
        bool, Field(description="each step writes a profile of itself into its log when it ends (docs/operations.md)")
    ]

    archive_logs: Annotated[
        bool,
        Field(
            description="true: Argo may keep the steps' logs in its artifact repository, as its controller says; "
            "false: it never does, so no pod waits for the repository's Secrets (docs/operations.md)"
        ),
    ]

    def __post_init__(self) -> None:
        check_resources(requests=self.requests, limits=self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingSettings:
    """Where the steps send traces."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    endpoint: Annotated[
        str,
        pattern_validator(
            r"(https?://[^\s/@?#]+(/[^\s@?#]*)?)?",
            give="an address without credentials, such as http://otel-collector.observability:4318, or nothing",
        ),
        Field(
            description="OTLP/HTTP address of a collector, without `/v1/traces`, such as "
            "http://otel-collector.observability:4318; empty: no traces. Needs an image that was built with "
            "`make image EXTRAS=tracing`",
        ),
    ]

    def __post_init__(self) -> None:
        try:
            _ = self.port
        except ValueError as error:
            raise ValueError(f"endpoint has no valid port: {error}") from error

    @property
    def port(self) -> int:
        """The collector's port; 0 without a collector."""
        parts = urlsplit(self.endpoint)
        return (parts.port or {"http": 80, "https": 443}[parts.scheme]) if self.endpoint else 0
