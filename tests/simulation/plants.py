"""Bugs to plant, one at a time, in what is tested: a test that never finds one proves nothing.

Guarantees: each takes away one thing that the guarantees rest on, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from steps import cancel, circuit, claim, decisions, hold, runs, state, stopping, waiting
from steps.circuit import Circuit
from steps.decisions import Claim, Facts, Superseded, Verdict
from steps.github import GitHub
from steps.hold import Hold
from steps.kube import Kube, Resource
from steps.push import Push
from steps.record import Outcome, Record
from steps.rules import BreakerRules
from steps.why import Cause, Why
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


def takes_new_for_old(monkeypatch: pytest.MonkeyPatch) -> None:
    real = decisions.decide_run

    def turned_round(run: Facts, *, mark: datetime, **more: Any) -> Verdict:  # noqa: ANN401 - passed on
        return real(replace(run, created_at=mark + (mark - run.created_at)), mark=mark, **more)

    monkeypatch.setattr(runs, "decide_run", turned_round)


def lets_the_watermark_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (decisions, cancel):
        monkeypatch.setattr(module, "raised", lambda _, *, mark, **__: mark)


def thinks_every_push_was_dealt_with(monkeypatch: pytest.MonkeyPatch) -> None:
    real = decisions.decide_claim

    def decide(record: Record | None, *, push: Push, mark: datetime) -> Claim:
        done = record is not None and record.finished
        return Superseded(by=push.sha) if done else real(record, push=push, mark=mark)

    monkeypatch.setattr(claim, "decide_claim", decide)


def deletes_whatever_has_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Kube.delete

    def delete(self: Kube, *args: Any, options: dict[str, Any], **more: Any) -> None:  # noqa: ANN401 - passed on
        real(self, *args, options={key: options[key] for key in options if key != "preconditions"}, **more)

    monkeypatch.setattr(Kube, "delete", delete)


def believes_in_its_hold_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a machine whose clock stood still while it was suspended. No bug of ours: the fences have to do without."""
    real = Hold.check

    def check(self: Hold) -> None:
        self._sent_at = self._clock.monotonic()
        real(self)

    monkeypatch.setattr(Hold, "check", check)


def writes_state_of_any_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line of defence: as long as the clock goes right, nobody gets there."""
    believes_in_its_hold_for_ever(monkeypatch)
    monkeypatch.setattr(state, "_fence", lambda *_, **__: None)


def moves_half_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GitHub, "remove_label", lambda *_, **__: None)


def removes_the_old_label_first(monkeypatch: pytest.MonkeyPatch) -> None:
    real = GitHub.add_label

    def add(self: GitHub, *, repository: str, number: int, label: str, why: Why) -> None:
        old, reason = world.SETTINGS.labels.remove, replace(why, cause=Cause.REMOVE_LABEL)
        self.remove_label(repository=repository, number=number, label=old, why=reason)
        real(self, repository=repository, number=number, label=label, why=why)

    monkeypatch.setattr(GitHub, "add_label", add)


def proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(record: Any, **_: Any) -> tuple[Any, tuple[()]]:  # noqa: ANN401 - passed on
        return record.with_agents(tuple(replace(each, outcome=Outcome.GONE) for each in record.agents)), ()

    monkeypatch.setattr(stopping, "prove", prove)


def ends_every_waiter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_answers", lambda *_: True)


def lets_nobody_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_s(found: Circuit, *, rules: BreakerRules, **_: Any) -> float:  # noqa: ANN401 - passed on
        return 0.0 if circuit.is_closed(found) else rules.open_s

    monkeypatch.setattr(circuit, "open_s", open_s)


def finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steps.reconcile.find", lambda *_, **__: ())
