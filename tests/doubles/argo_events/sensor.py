"""The Sensor: events that pass its filters become objects.

Guarantees: `create` is called as Argo Events would call the API, with its retries and the dead-letter trigger after
them. Does not: model triggers other than `k8s` with operation `create`, combinations of events, rates or delays.
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

import yaml

from tests.doubles.argo_events.errors import GoError, NotModelled
from tests.doubles.argo_events.events import Dropped, Event
from tests.doubles.argo_events.filters import passes
from tests.doubles.argo_events.parameters import apply

if TYPE_CHECKING:
    from collections.abc import Callable

Object = dict[str, Any]


class Refused(Exception):  # noqa: N818 - an answer of the API server
    """Raised by `create` when the API server does not take an object."""


class Sensor:
    """Handles events as its manifest says."""

    def __init__(
        self,
        manifest: Object,
        *,
        create: Callable[[Object], object] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._manifest = manifest
        self._create = create
        self._clock = clock
        self.failures: list[str] = []
        """What went wrong in triggers, newest last; real Argo Events only logs it."""

    @property
    def name(self) -> str:
        """Give the Sensor's name."""
        return str(self._manifest["metadata"]["name"])

    def handle(self, event: Event) -> list[Object] | Dropped:
        """Give the objects that were created for an event.

        Raises:
            NotModelled: when the model cannot vouch for the answer.
        """
        spec = self._manifest["spec"]
        own = [
            one
            for one in spec["dependencies"]
            if (one["eventSourceName"], one["eventName"]) == (event.source, event.subject)
        ]
        if not own:
            return Dropped(reason="no dependency on this event")
        reasons = []
        accepted = {}
        for dependency in own:
            try:
                if passes(dependency, event.content()):
                    accepted[dependency["name"]] = event
                else:
                    reasons.append(Dropped(reason=f"not interested in dependency {dependency['name']}"))
            except GoError as error:
                reasons.append(Dropped(reason=str(error), is_error=True))
        if not accepted:
            return reasons[-1]
        failed = len(self.failures)
        created = [
            made
            for trigger in spec["triggers"]
            if self._fires(trigger, accepted)
            for made in self._run(trigger, accepted)
        ]
        if not created and len(self.failures) > failed:
            return Dropped(reason=self.failures[-1], is_error=True)
        return created

    def _fires(self, trigger: Object, events: dict[str, Event]) -> bool:
        names = {one["name"] for one in self._manifest["spec"]["dependencies"]}
        condition = trigger["template"].get("conditions")
        if condition is None and len(names) == 1:
            return True
        wanted = {name.strip() for name in (condition or "&&").split("||")}
        if not wanted <= names:
            raise NotModelled(f"conditions {condition!r}")
        return bool(wanted & events.keys())

    def _run(self, trigger: Object, events: dict[str, Event]) -> list[Object]:
        at_least_once = trigger.get("atLeastOnce", False)
        attempts = trigger.get("retryStrategy", {}).get("steps", 1) if at_least_once else 1
        error: Exception | None = None
        for _ in range(max(attempts, 1)):
            try:
                made = self._object(trigger, events)
                self._create(made)
            except (GoError, Refused) as problem:
                error = problem
            else:
                return [made]
        self.failures.append(f"trigger {trigger['template']['name']}: {error}")
        dead_letter = trigger.get("dlqTrigger")
        # Not recursive: a dead-letter trigger's own dead-letter trigger never runs.
        if dead_letter and at_least_once and dead_letter.get("atLeastOnce"):
            return self._run({key: value for key, value in dead_letter.items() if key != "dlqTrigger"}, events)
        return []

    def _object(self, trigger: Object, events: dict[str, Event]) -> Object:
        template = apply(trigger.get("parameters", ()), trigger["template"], events)
        if "k8s" not in template:
            raise NotModelled("a trigger other than k8s")
        k8s = template["k8s"]
        if k8s.get("operation", "") not in {"", "create"} or k8s.get("liveObject"):
            raise NotModelled(f"operation {k8s.get('operation')!r}")
        made: Object = apply(k8s.get("parameters", ()), copy.deepcopy(_source(k8s)), events)
        metadata = made.setdefault("metadata", {})
        metadata.setdefault("namespace", self._manifest["metadata"].get("namespace", "default"))
        metadata["labels"] = {
            **metadata.get("labels", {}),
            "events.argoproj.io/sensor": self.name,
            "events.argoproj.io/trigger": template["name"],
            "events.argoproj.io/action-timestamp": str(int(self._clock() * 1000)),
        }
        return made


def _source(k8s: Object) -> Object:
    source = k8s.get("source", {})
    if len(source) != 1 or not {"inline", "resource"} & source.keys():
        raise NotModelled(f"a source of {sorted(source)}")
    found = yaml.safe_load(source["inline"]) if "inline" in source else source["resource"]
    if not isinstance(found, dict) or "kind" not in found:
        raise GoError("the source is not an object")
    return found
