"""Settings of the EventSource and the Sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from pipelines.settings.resources import STRICT, Resources, check_resources
from steps.settings import Count, Name, PushSources


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings(PushSources):
    """Which webhooks create Workflows."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    event_bus: Annotated[Name, Field(description="name of the EventBus in the events' namespace")]
    sensor: Annotated[Name, Field(description="name of the Sensor")]
    event_source: Annotated[Name, Field(description="name of the EventSource")]
    event_name: Annotated[Name, Field(description="name of the event in the EventSource")]
    render_event_source: Annotated[
        bool, Field(description="false if you merge the event into an EventSource of your own")
    ]
    webhook_secret: Annotated[Name, Field(description="Secret in the events' namespace, key `secret`")]
    retries: Annotated[Count, Field(description="attempts to create the Workflow before the dead letter")]
    max_payload_bytes: Annotated[
        int,
        Field(
            ge=2**20,
            le=25 * 2**20,
            description="largest webhook that the EventSource accepts; GitHub sends up to 25 MiB, a push of 2,000 "
            "commits has about 5; the EventBus (`spec.jetstream.maxPayload`, 1 MB if not set) must carry a tenth more",
        ),
    ]
    requests: Annotated[Resources, Field(description="requests of the Sensor's container")]
    limits: Annotated[Resources, Field(description="limits of the Sensor's container")]

    def __post_init__(self) -> None:
        # `super()` without arguments does not work in a dataclass with slots.
        PushSources.__post_init__(self)
        check_resources(requests=self.requests, limits=self.limits)
        if self.sensor == self.event_source:
            raise ValueError("sensor and event_source must differ, because their PodMonitors have their names")
