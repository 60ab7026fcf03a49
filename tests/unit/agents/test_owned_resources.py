"""What belongs to the runs that are being stopped: through any number of owners, and never what a kept run owns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.agents.owned_object import OwnedObject, PodSelector
from steps.agents.owned_resources import JOB_NAME, JOB_UID, OwnedResources
from steps.domain.ownership import find_owned
from steps.kube.resources import JOBS, PODS, Resource
from tests.support.factories import NOW, ago, owned_object, owner

TASK_RUNS = Resource(group="tekton.dev", version="v1", plural="taskruns")
CODE_RUNS = Resource(group="agents.platform", version="v1", plural="coderuns")
RUN, KEPT, SECOND = "run", "kept", "second"
OWNED = OwnedResources(run_uids=frozenset({RUN})).with_spared({KEPT})


def between(uid: str, *owners: str) -> OwnedObject:
    """An object between a run and a pod."""
    return owned_object(uid, *owners, resource=TASK_RUNS)


def pod(uid: str, *owners: str, **labels: str) -> OwnedObject:
    return owned_object(uid, *owners, resource=PODS, labels=labels)


def own(owned: OwnedResources, *listed: OwnedObject) -> set[str]:
    """Uids of the listed objects that belong to the runs."""
    after = owned.with_objects(listed)
    return {each.uid for each in listed if after.has(each)}


@pytest.mark.parametrize("order", [1, -1], ids=["owners first", "owners last"])
def test_owners_are_followed_in_any_order(order: int) -> None:
    chain = [between("a", RUN), between("b", "a"), between("c", "b"), pod("p", "c")]
    assert own(OWNED, *chain[::order], pod("other", "unknown")) == {"a", "b", "c", "p"}


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param([between("a", RUN, KEPT)], id="a kept run owns it as well"),
        pytest.param([between("a", RUN, "b"), between("b", KEPT)], id="what a kept run owns owns it as well"),
        pytest.param([between("a", KEPT), between("b", "a"), pod("p", "b")], id="only a kept run owns it"),
        pytest.param([pod("p", RUN, KEPT)], id="a pod of both"),
    ],
)
def test_what_a_kept_run_owns_belongs_to_nobody_else(listed: list[OwnedObject]) -> None:
    assert own(OWNED, *listed) & {listed[0].uid, listed[-1].uid} == set()


def test_an_object_that_a_kept_run_adopts_is_given_up() -> None:
    known = OWNED.with_objects([between("a", RUN), pod("p", "a")])
    assert own(known, between("a", KEPT), pod("p", "a")) == set()


def test_an_object_that_something_unknown_adopts_is_given_up() -> None:
    known = OWNED.with_objects([between("a", RUN)])
    assert own(known, between("a", "somebody"), pod("p", "a")) == set()


def test_an_object_that_lost_its_owner_is_recognised_with_what_it_owns() -> None:
    known = OWNED.with_objects([between("a", RUN), between("b", "a")])
    assert own(known, between("b"), pod("p", "b"), between("stranger")) == {"b", "p"}
    assert {each.uid for each in known.with_objects([between("b")]).only({RUN}, names=()).objects.values()} == {
        "a",
        "b",
    }


def test_objects_that_own_each_other_are_still_the_runs() -> None:
    known = OWNED.with_objects([between("a", RUN, "b"), between("b", "a")])
    left = known.with_objects([between("a", "b"), between("b", "a")])
    assert left.only({RUN}, names=()).objects.keys() == {"a", "b"}


def test_an_object_that_turns_out_to_be_a_run_of_another_task_is_given_up() -> None:
    known = OWNED.with_objects([between("a", RUN)]).with_spared({"a"})
    assert own(known, between("a", RUN)) == set()


def test_what_a_stale_run_owns_is_its_own_although_a_kept_run_owns_the_run() -> None:
    stale = owned_object(RUN, KEPT, resource=CODE_RUNS)
    assert own(OWNED, stale, between("a", RUN), pod("p", "a")) == {"a", "p"}


def test_a_job_that_one_run_owns_is_not_that_of_another_run_that_names_it() -> None:
    runs = OwnedResources(run_uids=frozenset({RUN, SECOND}), names=frozenset({"job"}))
    known = runs.with_objects([owned_object("j", SECOND, name="job")])
    assert (known.only({RUN}, names={"job"}).objects, set(known.only({SECOND}, names=()).objects)) == ({}, {"j"})


def test_removing_a_run_leaves_what_its_other_runs_own() -> None:
    runs = OwnedResources(run_uids=frozenset({RUN, SECOND}))
    known = runs.with_objects([owned_object(RUN, SECOND, resource=CODE_RUNS), between("a", RUN), between("b", SECOND)])
    assert known.without({SECOND}, names=()).objects.keys() == {RUN, "a"}


def test_what_an_earlier_attempt_recorded_is_recognised() -> None:
    recorded = replace(OWNED, recorded={"a": frozenset({RUN})})
    listed = [between("a"), pod("p", "a"), pod("adopted", "a", KEPT)]
    assert own(recorded, *listed) == {"a", "p"}
    assert own(recorded.only({SECOND}, names=()), *listed) == set()
    assert own(recorded.without({RUN}, names=()), *listed) == set()


def test_what_belongs_directly_to_a_run_leaves_out_what_its_other_runs_own() -> None:
    two = OwnedResources(run_uids=frozenset({RUN, SECOND})).with_objects(
        [owned_object(SECOND, RUN, resource=CODE_RUNS), between("first", RUN), between("later", SECOND)]
    )
    whole, nearest = two.only({RUN}, names=()), two.only({RUN}, names=(), barrier={SECOND})
    assert whole.objects.keys() == {SECOND, "first", "later"}
    assert nearest.objects.keys() == {"first"}


@pytest.mark.parametrize(("kind", "belongs"), [("CodeRun", False), ("Policy", False), ("JobSet", True)])
def test_a_named_job_of_another_run_does_not_belong_to_the_run_that_names_it(kind: str, *, belongs: bool) -> None:
    kinds = frozenset({("agents.platform", "coderuns"), ("agents.platform", "policies")})
    owned = OwnedResources(run_uids=frozenset({RUN}), names=frozenset({"job"}), run_kinds=kinds)
    job = owned_object("j", owner("theirs", kind=kind), name="job", resource=JOBS)
    listed = [job, pod("p", "j", **{"batch.kubernetes.io/job-name": "job"})]
    assert own(owned, *listed) == ({"j", "p"} if belongs else set())


def test_a_job_that_a_kept_run_names_belongs_to_that_run_unless_a_stale_one_owns_it() -> None:
    owned = OwnedResources(run_uids=frozenset({RUN}), names=frozenset({"job"}))
    job, of_job = owned_object("j", name="job"), pod("p", "j", **{JOB_NAME: "job"})
    orphan = pod("orphan", **{JOB_NAME: "job"})
    assert own(owned, job, of_job, orphan) == {"j", "p", "orphan"}
    named = owned.with_objects([job, of_job]).with_spared({KEPT}, names={"job", ""})
    assert own(named, job, of_job, orphan) == set()
    assert own(named, owned_object("j", RUN, name="job"), of_job) == {"j", "p"}
    assert own(named.only({RUN}, names={"job"}), job, of_job, orphan) == set()
    assert own(named, job, pod("p", "j"), owned_object("j2", name="job", resource=TASK_RUNS)) == set()


def test_a_job_of_another_uid_than_the_known_one_is_not_the_runs() -> None:
    owned = OwnedResources(run_uids=frozenset({RUN}), names=frozenset({"job"})).with_objects(
        [owned_object("j", name="job"), owned_object("k", RUN, name="owned")]
    )
    listed = [owned_object(uid, name=name) for uid, name in (("j2", "job"), ("k2", "owned"))]
    pods = [pod(f"of-{job.uid}", job.uid, **{JOB_NAME: job.name, JOB_UID: job.uid}) for job in listed]
    assert own(owned, *listed, *pods) == set()
    assert own(owned.only({RUN}, names={"job"}), *listed, *pods) == set()
    adopted = owned_object("j", owner("x", kind="JobSet"), name="job")
    assert own(owned, adopted, pod("p", "j")) == {"j", "p"}


@pytest.mark.parametrize(
    ("labels", "belongs"),
    [
        pytest.param({}, True, id="no uid"),
        pytest.param({JOB_UID: "j"}, True, id="the uid of the Job"),
        pytest.param({JOB_UID: "j2"}, False, id="another uid"),
    ],
)
def test_a_pod_without_an_owner_belongs_to_the_job_whose_uid_it_has(labels: dict[str, str], *, belongs: bool) -> None:
    owned = OwnedResources(run_uids=frozenset({RUN})).with_objects([owned_object("j", RUN, name="job")])
    assert owned.has(pod("p", **{JOB_NAME: "job"}, **labels)) is belongs
    settled = OwnedResources(run_uids=frozenset({"j"}), names=frozenset({"job"}), settled=frozenset({"job"}))
    assert settled.has(pod("p", **{JOB_NAME: "job"}, **labels)) is belongs


def test_no_job_is_found_by_a_name_that_is_settled() -> None:
    owned = OwnedResources(run_uids=frozenset({RUN}), names=frozenset({"job"}), settled=frozenset({"job"}))
    assert own(owned, owned_object("j", name="job"), pod("p", "j", **{JOB_NAME: "job"})) == set()
    recorded = replace(owned, recorded={"j": frozenset({RUN})})
    assert own(recorded, owned_object("j", owner("x", kind="JobSet"), name="job"), pod("p", "j")) == {"j", "p"}


@pytest.mark.parametrize(("age_s", "belongs"), [(11, True), (10, True), (9, False)])
def test_a_job_that_is_newer_than_the_delete_of_its_run_is_not_the_runs(age_s: float, *, belongs: bool) -> None:
    owned = OwnedResources(run_uids=frozenset({RUN}), names=frozenset({"job"})).with_stop({"job": ago(10)})
    listed = [owned_object("j", name="job", created_at=ago(age_s)), pod("p", "j", **{JOB_NAME: "job"})]
    assert own(owned, *listed) == ({"j", "p"} if belongs else set())


def test_only_a_job_is_found_by_its_name() -> None:
    owned = OwnedResources(run_uids=frozenset({RUN}), names=frozenset({"same"}))
    assert own(owned, owned_object("t", name="same", resource=TASK_RUNS), owned_object("j", name="same")) == {"j"}


SELECTOR = PodSelector(run_uid=RUN, run_name="r", resource=CODE_RUNS, labels={"run": "r", "kind": "agent"})


@pytest.mark.parametrize(
    ("found", "belongs"),
    [
        pytest.param(pod("p", run="r", kind="agent", more="x"), True, id="all labels"),
        pytest.param(pod("p", "unknown", run="r", kind="agent"), True, id="something unknown owns it"),
        pytest.param(pod("p", run="r"), False, id="half of them"),
        pytest.param(pod("p", KEPT, run="r", kind="agent"), False, id="a kept run owns it"),
        pytest.param(pod("p", "other", run="r", kind="agent"), False, id="another run owns it"),
        pytest.param(pod("p", "of-other", run="r", kind="agent"), False, id="what another run owns owns it"),
        pytest.param(pod("p", "nobodys", run="r", kind="agent"), True, id="something owns it that nobody owns"),
        pytest.param(between("t"), False, id="not a pod"),
    ],
)
def test_a_pod_belongs_to_the_run_whose_labels_it_has(found: OwnedObject, *, belongs: bool) -> None:
    owned = replace(OWNED, selectors=(SELECTOR,)).with_others({"other"})
    owned = owned.with_objects([between("of-other", "other"), owned_object("nobodys")])
    assert owned.has(found) is belongs
    assert owned.only({RUN}, names=()).has(found) is belongs
    assert not owned.only({SECOND}, names=()).has(found)
    assert not owned.without({RUN}, names=()).has(found)


@pytest.mark.parametrize(("age_s", "belongs"), [(11, True), (10, False), (9, False)])
def test_a_pod_that_is_not_older_than_a_namesake_of_its_run_is_the_namesakes(age_s: float, *, belongs: bool) -> None:
    owned = replace(OWNED, selectors=(replace(SELECTOR, created_before=ago(10)),))
    found = replace(pod("p", run="r", kind="agent"), created_at=ago(age_s))
    assert (found.created_at < NOW, owned.has(found)) == (True, belongs)


UIDS = st.sampled_from([RUN, SECOND, KEPT, "a", "b", "c"])


@given(owners=st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sets(UIDS, max_size=3)))
def test_what_the_runs_own_matches_unless_a_kept_run_owns_it(owners: dict[str, set[str]]) -> None:
    owned = OwnedResources(run_uids=frozenset({RUN, SECOND})).with_spared({KEPT})
    listed = [between(uid, *sorted(above)) for uid, above in owners.items()]
    graph = {each.uid: each.owner_uids for each in listed}
    theirs = find_owned([KEPT], owners=graph, barrier=owned.run_uids)
    expected = find_owned(owned.run_uids, owners=graph, barrier=theirs)
    assert own(owned, *listed) == expected


@pytest.mark.parametrize("resource", [JOBS, TASK_RUNS], ids=str)
@pytest.mark.parametrize("reverse", [False, True], ids=["owners first", "owners last"])
def test_a_chain_of_a_thousand_owners_is_followed_with_few_looks_at_each_object(
    monkeypatch: pytest.MonkeyPatch, *, reverse: bool, resource: Resource
) -> None:
    """The Lease is renewed between two lists, so one list must not take long."""
    looks, real = [0], OwnedResources._has

    def counted(*given: Any, **options: Any) -> bool:  # noqa: ANN401 - passed on
        looks[0] += 1
        return real(*given, **options)

    monkeypatch.setattr(OwnedResources, "_has", counted)
    chain = [
        owned_object(f"{number:04}", f"{number - 1:04}" if number else RUN, resource=resource) for number in range(1000)
    ]
    found = OwnedResources(run_uids=frozenset({RUN})).with_objects(reversed(chain) if reverse else chain)
    assert len(found.objects) == 1000
    # A Job that is found may give its name to another, so the rest is looked at again after each one.
    assert looks[0] <= (len(chain) * (len(chain) + 1) / 2 if resource == JOBS else 2 * len(chain))


@pytest.mark.parametrize("reverse", [False, True], ids=["Job first", "pod first"])
def test_a_pod_that_only_names_a_job_is_found_after_the_job(*, reverse: bool) -> None:
    job = owned_object("j", RUN, name="job-of-run")
    pod = owned_object("p", resource=PODS, labels={"batch.kubernetes.io/job-name": "job-of-run"})
    listed = [pod, job] if reverse else [job, pod]
    assert set(OwnedResources(run_uids=frozenset({RUN})).with_objects(listed).objects) == {"j", "p"}
