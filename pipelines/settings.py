"""Settings of the generator: everything the steps know, and what only the manifests need.

Read from `settings.toml`, where every key is written out; nothing has a default in code, so the file shows all there is
to decide.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, TypeAdapter

from steps.core import BadInputError
from steps.settings import (
    Count,
    Name,
    PushSources,
    ReconcileStepSettings,
    Seconds,
    StepSettings,
    load_settings,
    pattern_validator,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STRICT = ConfigDict(extra="forbid")

Quantity = Annotated[
    str, pattern_validator(r"[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi)?", give='a quantity in quotes, such as "100m" or "128Mi"')
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """The steps' image."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: Annotated[
        str,
        pattern_validator(
            r"[^\s{}]+:[^\s{}:/]+",
            give="a name with a tag or digest, such as registry.example.com/agent-cancellation:0.1.0",
        ),
        Field(description="name with a tag, as your nodes pull it"),
    ]
    pull_policy: Annotated[Literal["Always", "IfNotPresent", "Never"], Field(description="when nodes pull it")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Compute resources of one container."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    cpu: Quantity
    memory: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSettings:
    """The Workflow of one push."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    concurrent: Annotated[Count, Field(description="cancellations at once, over all tasks; can be changed live")]
    retries: Annotated[int, Field(ge=0, le=10, description="further attempts after exit code 75 or a lost pod")]
    deadline_s: Annotated[int, Field(ge=60, le=3600, description="one attempt")]
    keep_succeeded_s: Annotated[int, Field(ge=60, description="how long a Workflow that succeeded is kept")]
    keep_failed_s: Annotated[int, Field(ge=60, description="how long one that failed is kept, to retry from")]
    credentials_secret: Annotated[Name, Field(description="Secret with GitHub's credentials")]
    requests: Annotated[Resources, Field(description="of each container")]
    limits: Annotated[Resources, Field(description="of each container")]
    profile: Annotated[
        bool, Field(description="write a profile of each step into its log, at its end; for a while, to look into one")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingSettings:
    """Where the steps' traces go."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    endpoint: Annotated[
        str,
        pattern_validator(
            r"(https?://[^\s/@?#]+(/[^\s@?#]*)?)?",
            give="an address without credentials, such as http://otel-collector.observability:4318, or nothing",
        ),
        Field(
            description="OTLP/HTTP address of a collector, without `/v1/traces`; empty: no traces. Needs an image with "
            "the extra `tracing`",
        ),
    ]

    def __post_init__(self) -> None:
        try:
            _ = self.port
        except ValueError as error:
            raise ValueError(f"endpoint has no valid port: {error}") from error

    @property
    def port(self) -> int:
        """The collector's port; 0 without one."""
        parts = urlsplit(self.endpoint)
        return (parts.port or {"http": 80, "https": 443}[parts.scheme]) if self.endpoint else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings(PushSources):
    """Which webhooks become Workflows."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    event_source: Annotated[Name, Field(description="name of the EventSource")]
    event_name: Annotated[Name, Field(description="name of the event in it")]
    render_event_source: Annotated[
        bool, Field(description="false if you merge the event into an EventSource of your own")
    ]
    webhook_secret: Annotated[Name, Field(description="Secret in the events' namespace, key `secret`")]
    retries: Annotated[Count, Field(description="attempts to create the Workflow before the dead letter")]
    requests: Annotated[Resources, Field(description="of the Sensor's container")]
    limits: Annotated[Resources, Field(description="of the Sensor's container")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservabilitySettings:
    """When somebody is told, in rendered/observability."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    labels: Annotated[
        dict[str, str],
        Field(description="labels by which your Prometheus operator chooses PrometheusRules and PodMonitors"),
    ]
    runbook: Annotated[
        str,
        pattern_validator(r"https?://[^\s#]+", give="an address that begins with https:// or http://, without a #"),
        Field(description="where people read docs/operations.md; alerts link there"),
    ]
    failing_percent: Annotated[
        int, Field(ge=1, le=99, description="more failures than this of all cancellations within half an hour, and two")
    ]
    slow_s: Annotated[
        Seconds, Field(description="one push in ten takes longer than this until its stale agents are gone")
    ]
    contended_s: Annotated[
        Seconds, Field(description="one cancellation in ten waits longer than this for its start or its Lease")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ReconcileStepSettings):
    """Everything that can be decided."""

    image: ImageSettings
    workflow: WorkflowSettings
    tracing: TracingSettings
    events: EventSettings
    observability: ObservabilitySettings

    def for_steps(self) -> str:
        """What the steps of a push find in their environment.

        Raises:
            BadInputError: A value contains braces that Argo would evaluate.
        """
        return self._dumped(StepSettings)

    def for_reconcile(self) -> str:
        """What reconcile finds in its environment.

        Raises:
            BadInputError: A value contains braces that Argo would evaluate.
        """
        return self._dumped(ReconcileStepSettings)

    def _dumped(self, tree: type[StepSettings]) -> str:
        """JSON, one value a line, so that a diff shows what changed."""
        values = TypeAdapter(type(self)).dump_python(self, mode="json")
        values["events"] = {field.name: values["events"][field.name] for field in fields(PushSources)}
        kept = {field.name: values[field.name] for field in fields(tree)}
        for key, text in _texts(kept):
            if found := re.search(r"\{\{|\$\(", text):
                raise BadInputError(
                    f"settings: {key}: take out {found.group()}: Argo or Kubernetes would evaluate what follows"
                )
        return json.dumps(kept, indent=1)


def _texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a tree, names of keys as well, with the key that it belongs to."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield key, name
            yield from _texts(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _texts(inner, f"{key}.{place}")


def read_settings(path: Path) -> Settings:
    """Read a settings file.

    Raises:
        BadInputError: It is missing, not TOML, or holds an unknown, missing or malformed key.
    """
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise BadInputError(
            f"{path}: {error.strerror}: stand in the folder that has the settings, "
            "or give the path of a file by --settings"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: not TOML: {error}: mend that line") from error
    return load_settings(Settings, values, source=str(path))
