"""A model of Argo Events: what its GitHub EventSource publishes and what a Sensor makes of it.

    source = EventSource.of(manifest, event="org", secret="s3cret")
    event = source.receive(headers, body)             # an Event, or a Rejection with the status that GitHub sees
    objects = Sensor(sensor_manifest).handle(event)   # the created objects, or Dropped with the reason

Where the model cannot vouch for an answer it raises `NotModelled`; it never guesses.
"""

from tests.doubles.argo_events.errors import GoError, NotModelled
from tests.doubles.argo_events.events import Dropped, Event, Rejection
from tests.doubles.argo_events.eventsource import EventSource, sign
from tests.doubles.argo_events.sensor import Refused, Sensor

__all__ = ["Dropped", "Event", "EventSource", "GoError", "NotModelled", "Refused", "Rejection", "Sensor", "sign"]
