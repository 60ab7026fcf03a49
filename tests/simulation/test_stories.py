"""Stories hold whatever the order; the same seed gives the same story; a planted bug is found."""

from __future__ import annotations

import pytest

from steps.kube.resources import CONFIG_MAPS, LEASES
from tests.simulation import plants
from tests.simulation.__main__ import play_story
from tests.simulation.plants import Plant, blind_writes

pytestmark = pytest.mark.timeout(120)

BATCHES, BATCH = 10, 10
# Where a planted bug has to be found.
SEEDS = range(5000, 5060)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_invariant_holds_in_every_story(batch: int) -> None:
    found = {seed: play_story(seed)[1] for seed in range(batch * BATCH, (batch + 1) * BATCH)}
    assert {seed: what for seed, what in found.items() if what} == {}


@pytest.mark.parametrize("seed", [1, 12, 123])
def test_a_seed_gives_the_same_story_again(seed: int) -> None:
    (first, found), (second, found_again) = play_story(seed), play_story(seed)
    assert first.turns.trace == second.turns.trace
    assert found == found_again
    assert len(first.turns.trace) > 50


def test_stories_contain_deaths_pauses_waits_and_conflicts() -> None:
    """What the stories are for does happen in them: deaths, pauses, takeovers, waiters that are ended."""
    traces = [line for seed in range(20) for line in play_story(seed)[0].turns.trace]
    for what in (
        "is killed",
        "is paused",
        "ended:",
        "waits for the mutex",
        "PATCH agent-cancellation/workflows",
        "409",
    ):
        assert any(what in line for line in traces), what


@pytest.mark.parametrize(
    ("plant", "noticed"),
    [
        pytest.param(blind_writes(LEASES), "epoch", id="Lease without compare-and-swap"),
        pytest.param(blind_writes(CONFIG_MAPS), "unknown state survives", id="state without compare-and-swap"),
        pytest.param(plants.keeps_its_epoch, "an epoch has one holder", id="epoch not raised"),
        pytest.param(plants.never_lets_go, "lets go of the Lease", id="Lease not released"),
        pytest.param(plants.knows_no_exempt_agent, "no exempt run is deleted", id="exempt agents forgotten"),
        pytest.param(plants.forgets_what_a_run_owns, "dies with its owner", id="owned runs forgotten"),
        pytest.param(plants.sees_into_the_future, "no run newer", id="watermark in the future"),
        pytest.param(plants.takes_new_for_old, "no run newer", id="watermark compared the wrong way"),
        pytest.param(plants.thinks_every_push_was_dealt_with, "the last word", id="newer pushes superseded"),
        pytest.param(plants.deletes_whatever_has_the_name, "says which run it means", id="deletes without uid"),
        pytest.param(plants.moves_half_the_labels, "labels that were moved are right", id="labels half moved"),
        pytest.param(plants.removes_the_old_label_first, "one of the two labels", id="old label removed first"),
        pytest.param(plants.proves_nothing, "labels move after", id="labels before the proof"),
        pytest.param(plants.ends_every_waiter, "has nothing left to do", id="waiters ended by mistake"),
        pytest.param(plants.never_looks_again, "the head's labels are moved", id="labels that stayed forgotten"),
        pytest.param(plants.finds_nothing, "the record is final", id="reconcile finds nothing"),
    ],
)
def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch, plant: Plant, noticed: str) -> None:
    plant(monkeypatch)
    assert any(noticed in what for seed in SEEDS for what in play_story(seed)[1]), "no story noticed"
