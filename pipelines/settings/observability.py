"""Settings of the alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AfterValidator, ConfigDict, Field

from pipelines.settings.pods import checked_labels
from pipelines.settings.resources import STRICT
from steps.settings import Seconds, pattern_validator


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservabilitySettings:
    """When the alerts in rendered/observability fire."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    labels: Annotated[
        dict[str, str],
        AfterValidator(checked_labels),
        Field(
            description="labels by which your Prometheus operator selects PrometheusRules and PodMonitors, such as "
            '{ release = "prometheus" }'
        ),
    ]
    runbook: Annotated[
        str,
        pattern_validator(
            r"(https?://[^\s#]+)?", give="an address that begins with https:// or http://, without a #, or nothing"
        ),
        Field(description="address of docs/operations.md; alerts link to it; empty: no link"),
    ]
    failing_percent: Annotated[
        int,
        Field(
            ge=1,
            le=99,
            description="alert if more than this share of cancellations fails within half an hour, and at least two",
        ),
    ]
    slow_s: Annotated[
        Seconds,
        Field(description="alert if one push in ten takes longer than this until its stale agents are proven gone"),
    ]
    contended_s: Annotated[
        Seconds,
        Field(description="alert if one cancellation in ten waits longer than this for its start or its Lease"),
    ]
    untriggered_events: Annotated[
        int,
        Field(
            ge=1,
            le=100_000,
            description="alert if the EventSource sent more events than this within six hours and the Sensor created "
            "no Workflow; raise it if most pushes are to other branches, or if commands are on and people write many "
            "comments",
        ),
    ]
