"""One kind of event that the Sensor listens for, as plain values.

Guarantees nothing about the filters: `pipelines.manifests.sensor.events` chooses them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipelines.names import TEMPLATE
from steps.domain import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from steps.domain import Parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorEvent:
    """One kind of event.

    Attributes:
        name: The name of the Sensor's dependency: as in `events.react_to`, or a command's own.
        filters: Filters on the event's fields.
        exprs: Filters on numbers.
        ref: Go's expression for the ref; empty if the event names no branch.
        keys: The field of each further parameter.
        templates: The Go template of each further parameter.
        constants: The value of each further parameter.
        prioritised: Whether the Workflow's priority is the time of the event. It must be a number in the event.
        template: The Workflow's template.
        parameters: The template's parameters.
        prefix: The prefix of the Workflow's name.
    """

    name: str
    filters: tuple[dict[str, Any], ...]
    exprs: tuple[dict[str, Any], ...]
    ref: str
    keys: Mapping[str, str]
    templates: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    prioritised: bool = False
    template: str = TEMPLATE
    parameters: Sequence[Parameter] = PARAMETERS
    prefix: str = "cancel-"
