"""Stories hold whatever the order; the same seed tells the same story; a bug that is planted does not stay hidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from steps import claim, decisions, hold, stopping, waiting
from steps.hold import Hold
from steps.kube import CONFIG_MAPS, LEASES, Kube, Resource
from steps.record import Outcome
from tests.simulation import world
from tests.simulation.__main__ import tell

pytestmark = pytest.mark.timeout(120)

BATCHES, BATCH = 10, 10
# Where a planted bug has to be found.
SEEDS = range(5000, 5060)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_invariant_holds_in_every_story(batch: int) -> None:
    found = {seed: tell(seed)[1] for seed in range(batch * BATCH, (batch + 1) * BATCH)}
    assert {seed: what for seed, what in found.items() if what} == {}


@pytest.mark.parametrize("seed", [1, 12, 123])
def test_a_seed_tells_the_same_story_again(seed: int) -> None:
    (first, found), (second, found_again) = tell(seed), tell(seed)
    assert first.turns.trace == second.turns.trace
    assert found == found_again
    assert len(first.turns.trace) > 50


def test_stories_are_full_of_trouble() -> None:
    """What the stories are for does happen in them: deaths, pauses, takeovers, waiters that are ended."""
    traces = [line for seed in range(12) for line in tell(seed)[0].turns.trace]
    for what in (
        "is killed",
        "is paused",
        "ended:",
        "waits for the mutex",
        "PATCH agent-cancellation/workflows",
        "409",
    ):
        assert any(what in line for line in traces), what


# Bugs, planted one at a time: what is patched, and which invariant has to notice.

Plant = Callable[[pytest.MonkeyPatch], None]


def blind_writes(of: Resource) -> Plant:
    """Write over whatever is there."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        real = Kube.replace

        def blind(self: Kube, resource: Resource, *, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
            if resource == of:
                now = self.get(resource, namespace=namespace, name=body["metadata"]["name"])
                version = now["metadata"]["resourceVersion"]
                body = body | {"metadata": body["metadata"] | {"resourceVersion": version}}
            return real(self, resource, namespace=namespace, body=body)

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


@pytest.mark.parametrize(
    ("plant", "noticed"),
    [
        pytest.param(blind_writes(LEASES), "epoch", id="Lease without compare-and-swap"),
        pytest.param(blind_writes(CONFIG_MAPS), "unknown state survives", id="state without compare-and-swap"),
        pytest.param(keeps_its_epoch, "an epoch has one holder", id="epoch not raised"),
        pytest.param(never_lets_go, "lets go of the Lease", id="Lease not released"),
        pytest.param(knows_no_exempt_agent, "no exempt run is deleted", id="exempt agents forgotten"),
        pytest.param(sees_into_the_future, "no run newer", id="watermark in the future"),
        pytest.param(proves_nothing, "labels move after", id="labels before the proof"),
        pytest.param(ends_every_waiter, "has nothing left to do", id="waiters ended by mistake"),
        pytest.param(finds_nothing, "the record is final", id="reconcile finds nothing"),
    ],
)
def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch, plant: Plant, noticed: str) -> None:
    plant(monkeypatch)
    assert any(noticed in what for seed in SEEDS for what in tell(seed)[1]), "no story noticed"
