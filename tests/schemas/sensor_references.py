"""What a Sensor refers to: event sources, dependencies, and the places in the objects that it creates.

Guarantees: a `dest` that Argo Events would silently write nowhere, or without the prefix, is found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.doubles.argo_events import paths
from tests.schemas.problem import join
from tests.schemas.sensors import created_object, creators, triggers
from tests.schemas.workflows import namespace_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from tests.schemas.names import Manifest, Names

Finding = tuple[str, str]


def sensor_references(sensor: Manifest, names: Names) -> Iterator[Finding]:
    """Give every reference of a Sensor that leads nowhere."""
    dependencies = [dependency["name"] for dependency in sensor["spec"]["dependencies"]]
    for index, dependency in enumerate(sensor["spec"]["dependencies"]):
        yield from _event(sensor, names, dependency, path=join("spec.dependencies", index))
    called = [trigger.get("template", {}).get("name") for _, trigger in triggers(sensor)]
    for name in sorted({str(name) for name in called if called.count(name) > 1}):
        yield "spec.triggers", f"two triggers are called {name!r}"
    for path, trigger in triggers(sensor):
        template = trigger.get("template", {})
        for name in re.findall(r"[^\s&|()!]+", template.get("conditions", "")):
            if name not in dependencies:
                yield join(path, "template.conditions"), f"no dependency {name!r}"
        yield from _destinations(trigger.get("parameters", ()), template, dependencies, path=path)
    for path, creator in creators(sensor):
        yield from _destinations(
            creator.get("parameters", ()), created_object(creator), dependencies, path=path, may_add=True
        )


def _event(sensor: Manifest, names: Names, dependency: dict[str, Any], *, path: str) -> Iterator[Finding]:
    namespace, name, event = namespace_of(sensor), dependency["eventSourceName"], dependency["eventName"]
    source = names.find("EventSource", namespace, name)
    if source is None and not names.exists("EventSource", namespace, name):
        yield join(path, "eventSourceName"), f"no EventSource {name!r}"
    if source is not None and not any(event in kind for kind in source["spec"].values() if isinstance(kind, dict)):
        yield join(path, "eventName"), f"EventSource {name!r} has no event {event!r}"


def _destinations(
    parameters: Sequence[dict[str, Any]],
    target: object,
    dependencies: Collection[str],
    *,
    path: str,
    may_add: bool = False,
) -> Iterator[Finding]:
    for index, parameter in enumerate(parameters):
        place = join(path, "parameters", index)
        source = parameter.get("src", {}).get("dependencyName")
        if source is not None and source not in dependencies:
            yield join(place, "src.dependencyName"), f"no dependency {source!r}"
        try:
            hit = paths.get(target, parameter["dest"])
        except NotImplementedError as error:
            yield join(place, "dest"), str(error)
            continue
        # A plain destination may add a field: `validate` checks that the field exists. A query never adds.
        adds = may_add and "#" not in parameter["dest"] and parameter.get("operation", "") in {"", "overwrite"}
        if hit is paths.MISSING and not adds:
            yield join(place, "dest"), f"{parameter['dest']!r} hits nothing in the object"
