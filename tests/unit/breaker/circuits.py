"""What the tests of the breaker share: a push that meets it, and the circuit as it is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from steps.breaker.circuit import Circuit, after_failure, parse_circuit
from tests.support.harness import DEFAULTS, NEW, Scene

RULES, HOME = DEFAULTS.breaker, DEFAULTS.namespaces.workflows
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def failed(times: int, *, every_s: float = 1.0) -> Circuit:
    found = Circuit()
    for number in range(times):
        found = after_failure(found, now=later(number * every_s), settings=RULES)
    return found


def a_push(scene: Scene) -> str:
    name: str = scene.agent()["metadata"]["name"]
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    return name


def stored(scene: Scene, dependency: str = "github") -> Circuit:
    found = scene.api.get("configmaps", RULES.config_map, namespace=HOME)
    return parse_circuit(found.get("data", {}).get(dependency, "{}"))
