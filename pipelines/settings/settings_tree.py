"""The tree of all settings, and the part of it that each step gets."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from pipelines.settings.events import EventSettings
from pipelines.settings.observability import ObservabilitySettings
from pipelines.settings.pods import PodSettings
from pipelines.settings.sensor_syntax import check_sensor_syntax
from pipelines.settings.workflow import ImageSettings, TracingSettings, WorkflowSettings
from steps.core import BadInputError
from steps.settings import PushSources, ReconcileStepSettings, StepSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ReconcileStepSettings):
    """Every setting."""

    image: ImageSettings
    workflow: WorkflowSettings
    pods: PodSettings
    tracing: TracingSettings
    events: EventSettings
    observability: ObservabilitySettings

    def __post_init__(self) -> None:
        # `super()` without arguments does not work in a dataclass with slots.
        ReconcileStepSettings.__post_init__(self)
        check_sensor_syntax(self.tasks)
        needed = self.stop.grace_s + self.stop.verify_s + self.github.deadline_s
        helps = self.help.longest_s if self.help.pushes else 0.0
        if needed + helps >= self.workflow.deadline_s:
            also = ", and help.longest_s" if helps else ""
            raise ValueError(
                f"workflow.deadline_s: raise it above {needed + helps:g}, the sum of stop.grace_s, stop.verify_s and "
                f"github.deadline_s{also}; otherwise a pod ends before its agents"
            )

    def for_steps(self) -> str:
        """Render the settings of the steps of a push, as JSON.

        Raises:
            BadInputError: A value contains text that Argo or Kubernetes would evaluate.
        """
        return self._dumped(StepSettings)

    def for_reconcile(self) -> str:
        """Render the settings of reconcile, as JSON.

        Raises:
            BadInputError: A value contains text that Argo or Kubernetes would evaluate.
        """
        return self._dumped(ReconcileStepSettings)

    def _dumped(self, tree: type[StepSettings]) -> str:
        """Render JSON with one value on each line, so that a diff shows the changed value."""
        values = TypeAdapter(type(self)).dump_python(self, mode="json")
        values["events"] = {field.name: values["events"][field.name] for field in fields(PushSources)}
        kept = {field.name: values[field.name] for field in fields(tree)}
        for key, text in _texts(kept):
            if found := re.search(r"\{\{|\$\(", text):
                raise BadInputError(
                    f"settings: {key}: remove {found.group()}: Argo or Kubernetes would evaluate the text after it"
                )
        return json.dumps(kept, indent=1)


def _texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """List every text in a tree, also the names of keys, each with its key."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield key, name
            yield from _texts(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _texts(inner, f"{key}.{place}")
