"""Bugs to plant, one at a time, in what is tested: a test that never finds one proves nothing.

Guarantees: each takes away one thing that the guarantees rest on, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from steps import claim, decisions, hold, stopping, waiting
from steps.hold import Hold
from steps.kube import Kube, Resource
from steps.record import Outcome
from steps.why import Why
from tests.simulation import world

Plant = Callable[[pytest.MonkeyPatch], None]


def blind_writes(of: Resource) -> Plant:
    """Write over whatever is there."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        real = Kube.replace

        def blind(self: Kube, resource: Resource, *, namespace: str, body: dict[str, Any], why: Why) -> dict[str, Any]:
            if resource == of:
                now = self.get(resource, namespace=namespace, name=body["metadata"]["name"])
                version = now["metadata"]["resourceVersion"]
                body = body | {"metadata": body["metadata"] | {"resourceVersion": version}}
            return real(self, resource, namespace=namespace, body=body, why=why)

        monkeypatch.setattr(Kube, "replace", blind)

    return plant


def keeps_its_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    real = hold.render
    monkeypatch.setattr("steps.lease.render", lambda *args, **more: real(*args, **more | {"epoch": 1}))


def never_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hold, "release", Hold.write)


def knows_no_exempt_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = replace(world.SETTINGS.agents[0], exempt=(), cancellable=("*",))
    monkeypatch.setattr(world, "SETTINGS", replace(world.SETTINGS, agents=(kind,)))


def sees_into_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    real = decisions.watermark
    monkeypatch.setattr(claim, "watermark", lambda **given: real(**given) + timedelta(minutes=10))


def proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(record: Any, **_: Any) -> tuple[Any, tuple[()]]:  # noqa: ANN401 - passed on
        return record.with_agents(tuple(replace(each, outcome=Outcome.GONE) for each in record.agents)), ()

    monkeypatch.setattr(stopping, "prove", prove)


def ends_every_waiter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_answers", lambda *_: True)


def finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steps.reconcile.find", lambda *_, **__: ())
