"""The parts of a Sensor that several checks walk through.

Guarantees: dead-letter triggers are walked like the others. Does not: validate; it expects the schema's types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

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
    """Give the object that each trigger starts from, with its path; None stands for YAML that cannot be read."""
    for path, creator in creators(sensor):
        yield join(path, "source", _form(creator)), created_object(creator)


def created_object(creator: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the YAML says
    """Give the object that a trigger template starts from."""
    source = creator.get("source", {})
    if "inline" not in source:
        return source.get("resource")
    try:
        return yaml.safe_load(source["inline"])
    except yaml.YAMLError:
        return None


def _form(creator: dict[str, Any]) -> str:
    return "inline" if "inline" in creator.get("source", {}) else "resource"
