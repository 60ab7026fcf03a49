"""Bugs to plant, one at a time, in what is tested: a test that never finds one proves nothing.

Guarantees: each takes away one thing that the guarantees rest on, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from steps.agents import decisions, run_policy
from steps.agents import stop as stopping
from steps.breaker import circuit
from steps.breaker.circuit import Circuit
from steps.cancellation import claim, planned_record
from steps.cancellation import coalescing as waiting
from steps.cancellation import state_update as state
from steps.domain import claim_decision, run_decision
from steps.domain import watermark as watermarks
from steps.domain.agent import RunOutcome
from steps.domain.claim_decision import ClaimDecision, Superseded
from steps.domain.push import Push
from steps.domain.record import Record
from steps.domain.run_decision import RunDecision, RunFacts
from steps.github.client import GitHub
from steps.kube.client import Kube
from steps.kube.resources import Resource
from steps.lease.held_lease import HeldLease
from steps.lease.lease_object import lease_body
from steps.settings.cancellation import BreakerSettings
from steps.telemetry.audit import WriteCause, WriteReason
from tests.simulation import world

Plant = Callable[[pytest.MonkeyPatch], None]


def blind_writes(of: Resource) -> Plant:
    """Write over whatever is there."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        real = Kube.replace

        def blind(
            self: Kube,
            resource: Resource,
            *,
            namespace: str,
            body: dict[str, Any],
            **more: Any,  # noqa: ANN401 - passed on
        ) -> dict[str, Any]:
            if resource == of:
                now = self.get(resource, namespace=namespace, name=body["metadata"]["name"])
                version = now["metadata"]["resourceVersion"]
                body = body | {"metadata": body["metadata"] | {"resourceVersion": version}}
            return real(self, resource, namespace=namespace, body=body, **more)

        monkeypatch.setattr(Kube, "replace", blind)

    return plant


def keeps_its_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    real = lease_body
    monkeypatch.setattr("steps.lease.task_lease.lease_body", lambda *args, **more: real(*args, **more | {"epoch": 1}))


def never_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HeldLease, "release", HeldLease.write)


def forgets_what_a_run_owns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "find_spared", lambda *_, **__: {})


def knows_no_exempt_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = replace(world.SETTINGS.agents[0], exempt=(), cancellable=("*",))
    monkeypatch.setattr(world, "SETTINGS", replace(world.SETTINGS, agents=(kind,)))


def sees_into_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    real = watermarks.push_watermark
    monkeypatch.setattr(claim, "push_watermark", lambda **given: real(**given) + timedelta(minutes=10))


def takes_new_for_old(monkeypatch: pytest.MonkeyPatch) -> None:
    real = run_decision.decide_run

    def turned_round(run: RunFacts, *, watermark: datetime, **more: Any) -> RunDecision:  # noqa: ANN401 - passed on
        return real(replace(run, created_at=watermark + (watermark - run.created_at)), watermark=watermark, **more)

    monkeypatch.setattr(run_policy, "decide_run", turned_round)


def lets_the_watermark_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def back(record: Record, **_: Any) -> datetime:  # noqa: ANN401 - passed on
        return record.watermark - timedelta(minutes=1)

    monkeypatch.setattr(planned_record, "measured_watermark", back)


def thinks_every_push_was_dealt_with(monkeypatch: pytest.MonkeyPatch) -> None:
    real = claim_decision.decide_claim

    def decide(
        record: Record | None, *, push: Push, watermark: datetime, listed_newer: bool | None = None
    ) -> ClaimDecision:
        if record is not None and record.finished:
            return Superseded(by=push.sha)
        return real(record, push=push, watermark=watermark, listed_newer=listed_newer)

    monkeypatch.setattr(claim, "decide_claim", decide)


def deletes_whatever_has_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Kube.delete

    def delete(self: Kube, *args: Any, options: dict[str, Any], **more: Any) -> None:  # noqa: ANN401 - passed on
        real(self, *args, options={key: options[key] for key in options if key != "preconditions"}, **more)

    monkeypatch.setattr(Kube, "delete", delete)


def believes_in_its_hold_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a machine whose clock stood still while it was suspended. The fences must hold all the same."""
    real = HeldLease.ensure_held

    def check(self: HeldLease) -> None:
        self._sent_at = self._clock.monotonic()
        real(self)

    monkeypatch.setattr(HeldLease, "ensure_held", check)


def writes_state_of_any_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line of defence: with a correct clock, no code reaches it."""
    believes_in_its_hold_for_ever(monkeypatch)
    monkeypatch.setattr(state, "_fence", lambda *_, **__: None)


def moves_half_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GitHub, "remove_label", lambda *_, **__: None)


def removes_the_old_label_first(monkeypatch: pytest.MonkeyPatch) -> None:
    real = GitHub.add_label

    def add(self: GitHub, *, repository: str, number: int, label: str, reason: WriteReason) -> None:
        old, reason = world.SETTINGS.labels.remove, replace(reason, cause=WriteCause.REMOVE_LABEL)
        self.remove_label(repository=repository, number=number, label=old, reason=reason)
        real(self, repository=repository, number=number, label=label, reason=reason)

    monkeypatch.setattr(GitHub, "add_label", add)


def proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(record: Any, **_: Any) -> tuple[Any, tuple[()]]:  # noqa: ANN401 - passed on
        return record.with_agents(tuple(replace(each, outcome=RunOutcome.GONE) for each in record.agents)), ()

    monkeypatch.setattr(stopping, "verify_gone", prove)


def ends_every_waiter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_is_superseded", lambda *_: True)


def lets_nobody_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_s(found: Circuit, *, settings: BreakerSettings, **_: Any) -> float:  # noqa: ANN401 - passed on
        return 0.0 if circuit.is_closed(found) else settings.open_s

    monkeypatch.setattr("steps.breaker.shared.open_seconds", open_s)


def finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steps.reconciliation.reconcile_pass.find_problems", lambda *_, **__: ())


def never_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steps.reconciliation.detection.is_due", lambda *_, **__: False)
