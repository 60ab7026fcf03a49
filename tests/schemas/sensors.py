"""The parts of a Sensor that several checks walk through.

Guarantees: dead-letter triggers are walked like the others. Does not: validate; it expects the schema's types.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import yaml

from tests.doubles.argo_events import paths
from tests.doubles.argo_events.errors import GoError, NotModelled
from tests.schemas.problem import join

if TYPE_CHECKING:
    from collections.abc import Iterator

Place = tuple[str, dict[str, Any]]


def triggers(sensor: dict[str, Any]) -> Iterator[Place]:
    """Give each trigger with its path."""
    for index, trigger in enumerate(sensor["spec"]["triggers"]):
        path = join("spec.triggers", index)
        yield path, trigger
        if "dlqTrigger" in trigger:
            yield join(path, "dlqTrigger"), trigger["dlqTrigger"]


def creators(sensor: dict[str, Any]) -> Iterator[Place]:
    """Give each k8s or argoWorkflow trigger template with its path."""
    for path, trigger in triggers(sensor):
        for kind in ("k8s", "argoWorkflow"):
            if kind in trigger.get("template", {}):
                yield join(path, "template", kind), trigger["template"][kind]


def created_objects(sensor: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give the object that each trigger creates, with its path; None stands for YAML that cannot be read.

    What parameters add where nothing was gets a stand-in, so that a schema sees where they write and of what type.
    """
    for path, creator in creators(sensor):
        yield join(path, "source", _form(creator)), _completed(creator)


def created_object(creator: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the YAML says
    """Give the object that a trigger template starts from."""
    source = creator.get("source", {})
    if "inline" not in source:
        return source.get("resource")
    try:
        return yaml.safe_load(source["inline"])
    except yaml.YAMLError:
        return None


def _completed(creator: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the YAML says
    created = created_object(creator)
    if not isinstance(created, dict):
        return None
    for parameter in creator.get("parameters", ()):
        with suppress(NotModelled, GoError):
            if paths.get(created, parameter["dest"]) is paths.MISSING:
                stand_in = 0 if parameter.get("src", {}).get("useRawData") else ""
                created = paths.put(created, parameter["dest"], stand_in)
    return created


def _form(creator: dict[str, Any]) -> str:
    return "inline" if "inline" in creator.get("source", {}) else "resource"
