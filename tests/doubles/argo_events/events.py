"""The event that an EventSource sends to a Sensor, and the refusals of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.doubles.argo_events import gojson


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A published event; `data` is the JSON text as Go wrote it."""

    source: str
    subject: str
    data: str
    type: str = "github"
    id: str = field(default_factory=lambda: uuid4().hex)

    def content(self) -> Any:  # noqa: ANN401 - any JSON
        """Decode the data."""
        return gojson.decode(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """The EventSource's refusal of a request."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """The Sensor did nothing with an event."""

    reason: str
    is_error: bool = False
    """Whether real Argo Events logs it as an error, with the whole payload."""
