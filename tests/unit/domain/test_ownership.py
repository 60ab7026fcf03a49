"""Owner references, followed up and down: chains, circles, and what a deletion would take along."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steps.domain.ownership import find_owned, find_owners, find_spared

# A run owns a TaskRun, which owns a pod; the pod owns another run.
CHAIN = {"task-run": ["stale"], "pod": ["task-run"], "kept": ["pod"], "stale": []}
CIRCLE = {"a": ["b"], "b": ["c"], "c": ["a"], "outside": ["a"]}
UIDS = st.sampled_from("abcdef")
GRAPHS = st.dictionaries(UIDS, st.sets(UIDS, max_size=3))


def test_owners_are_followed_any_number_of_references_up() -> None:
    assert find_owners(["kept"], owners=CHAIN) == {"pod", "task-run", "stale"}


def test_what_an_object_owns_is_followed_any_number_of_references_down() -> None:
    assert find_owned(["stale"], owners=CHAIN) == {"task-run", "pod", "kept"}


def test_a_barrier_is_neither_found_nor_followed() -> None:
    assert find_owned(["stale"], owners=CHAIN, barrier={"pod"}) == {"task-run"}


def test_objects_that_own_each_other_in_a_circle_are_each_found_once() -> None:
    assert find_owners(["a"], owners=CIRCLE) == {"a", "b", "c"}
    assert find_owned(["a"], owners=CIRCLE) == {"a", "b", "c", "outside"}


def test_an_owner_that_is_not_known_ends_the_way_up() -> None:
    assert find_owners(["kept"], owners={"kept": ["unknown"]}) == {"unknown"}


def test_a_stale_run_is_spared_for_the_first_kept_run_that_it_owns() -> None:
    owners = CHAIN | {"second": ["stale"], "other-kept": ["other"]}
    assert find_spared({"stale", "other", "free"}, kept=["other-kept", "kept", "second"], owners=owners) == {
        "stale": "kept",
        "other": "other-kept",
    }


@given(owners=GRAPHS, stale=st.sets(UIDS), kept=st.sets(UIDS))
def test_a_run_that_is_not_spared_takes_no_kept_run_along(
    owners: dict[str, set[str]], stale: set[str], kept: set[str]
) -> None:
    stale -= kept
    deleted = stale - find_spared(stale, kept=sorted(kept), owners=owners).keys()
    assert find_owned(deleted, owners=owners).isdisjoint(kept)


@given(owners=GRAPHS, start=UIDS)
def test_up_and_down_agree(owners: dict[str, set[str]], start: str) -> None:
    down = find_owned([start], owners=owners)
    assert all((start in find_owners([uid], owners=owners)) == (uid in down) for uid in owners)
