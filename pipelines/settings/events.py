"""Settings of the EventSource and the Sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from pipelines.settings.resources import STRICT, Resources
from steps.settings import Count, Name, PushSources


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings(PushSources):
    """Which webhooks create Workflows."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    event_source: Annotated[Name, Field(description="name of the EventSource")]
    event_name: Annotated[Name, Field(description="name of the event in the EventSource")]
    render_event_source: Annotated[
        bool, Field(description="false if you merge the event into an EventSource of your own")
    ]
    webhook_secret: Annotated[Name, Field(description="Secret in the events' namespace, key `secret`")]
    retries: Annotated[Count, Field(description="attempts to create the Workflow before the dead letter")]
    requests: Annotated[Resources, Field(description="requests of the Sensor's container")]
    limits: Annotated[Resources, Field(description="limits of the Sensor's container")]
