"""What is ended after the grace period of some runs, while the grace period of others is not over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.agents.agent_run import AgentRun
from steps.agents.observation import Observation
from steps.agents.overdue import OverdueObjects
from steps.agents.owned_object import OwnedObject
from steps.agents.owned_resources import OwnedResources
from steps.domain.agent import Agent, RunOutcome
from steps.kube.resources import JOBS, PODS, Resource
from tests.support import factories
from tests.support.factories import owned_object, owner

DUE, LATER = "due", "later"
CODE_RUNS = Resource(group="agents.platform", version="v1", plural="coderuns")


def run(uid: str, **facts: str) -> AgentRun:
    _, found = factories.run(deleting=True)
    return replace(found, uid=uid, name=uid, facts=replace(found.facts, **facts))  # type: ignore[arg-type]


def stopping(*uids: str, job: str = "") -> list[Agent]:
    found = [run(uid).as_agent(outcome=RunOutcome.STOPPING, reason="stale") for uid in uids]
    return [replace(agent, job=job) for agent in found]


def pod(uid: str, *owners: str) -> OwnedObject:
    return owned_object(uid, *owners, resource=PODS)


def observed(
    *listed: OwnedObject,
    runs: tuple[AgentRun, ...] = (),
    loose: tuple[str, ...] = (),
    protected: dict[str, str] | None = None,
) -> Observation:
    """A complete observation of these objects."""
    owned = OwnedResources(run_uids=frozenset({DUE, LATER})).with_objects([*listed, *(run.as_object() for run in runs)])
    return Observation(
        runs=runs,
        owned=owned,
        complete=True,
        objects=tuple(each for each in listed if each.resource != PODS),
        pods=tuple(each for each in listed if each.resource == PODS),
        loose=frozenset(loose),
        protected=protected or {},
    )


def overdue(observation: Observation) -> tuple[set[str], set[str]]:
    """Uids of the pods and of the Jobs that are ended once one of the two runs is overdue."""
    found = OverdueObjects.of(observation, due={DUE}, stopping=stopping(DUE, LATER))
    return {each.uid for each in found.pods}, {each.uid for each in found.jobs}


@pytest.mark.parametrize(
    ("found", "ended"),
    [
        pytest.param(pod("p", DUE), True, id="of the run that is overdue"),
        pytest.param(pod("p", LATER), False, id="of a run that is not"),
        pytest.param(pod("p", DUE, LATER), False, id="of both"),
        pytest.param(pod("p", "unknown"), False, id="of neither"),
    ],
)
def test_a_pod_is_ended_once_every_run_that_it_belongs_to_is_overdue(found: OwnedObject, *, ended: bool) -> None:
    assert overdue(observed(found)) == ({"p"} if ended else set(), set())


def test_a_pod_of_a_run_that_an_overdue_run_owns_waits_for_its_own_run() -> None:
    inner = replace(run(LATER), owners=(owner(DUE),))
    assert overdue(observed(pod("p", LATER), pod("q", DUE), runs=(run(DUE), inner))) == ({"q"}, set())


def test_a_pod_of_an_overdue_run_does_not_wait_for_the_owner_of_its_run() -> None:
    inner = replace(run(DUE), owners=(owner(LATER),))
    assert overdue(observed(pod("p", DUE), pod("q", LATER), runs=(inner, run(LATER)))) == ({"p"}, set())


def test_a_run_whose_kind_has_to_end_by_itself_is_not_ended_until_it_has() -> None:
    kind = replace(run(DUE).kind, delete=False, stop_patch={"spec": {"shutdown": "Stop"}})
    for phase, ended in (("Running", set[str]()), ("Succeeded", {"p"})):
        at_work = replace(run(DUE, phase=phase), kind=kind)
        assert overdue(observed(pod("p", DUE), runs=(at_work,)))[0] == ended


@pytest.mark.parametrize(
    ("job", "runs", "loose", "ended"),
    [
        pytest.param(owned_object("j", DUE), (), False, False, id="the garbage collector deletes it with its run"),
        pytest.param(owned_object("j", DUE), (run(DUE),), False, False, id="its run is being deleted"),
        pytest.param(
            owned_object("j", DUE), (run(DUE, phase="Succeeded"),), False, True, id="its run has ended and stays"
        ),
        pytest.param(owned_object("j"), (), True, True, id="nothing owns it"),
    ],
)
def test_a_job_is_ended_if_nobody_else_does_it(
    job: OwnedObject, runs: tuple[AgentRun, ...], *, loose: bool, ended: bool
) -> None:
    known = observed(owned_object("j", DUE), pod("p", "j"), runs=runs, loose=("j",) if loose else ())
    observation = replace(known, objects=(job,), owned=known.owned.with_objects([job]))
    assert overdue(observation) == ({"p"}, {"j"} if ended else set())


@pytest.mark.parametrize("at_work", [True, False])
def test_what_goes_on_under_a_run_that_has_ended_is_ended(*, at_work: bool) -> None:
    ended, inner = run(DUE, phase="Succeeded"), run("inner")
    listed = (owned_object("j", DUE), owned_object("k", LATER), owned_object("inner", DUE, resource=CODE_RUNS))
    known = observed(*listed, runs=(ended,))
    if at_work:
        known = replace(known, at_work=frozenset({"j", "k", "inner"}), inner={"inner": inner})
    found = OverdueObjects.of(known, due={DUE}, stopping=stopping(DUE, LATER))
    assert [each.uid for each in found.jobs] == (["j"] if at_work else [])
    assert found.inner == ((inner,) if at_work else ())
    protected = replace(known, protected={"inner": "kept"})
    found = OverdueObjects.of(protected, due={DUE}, stopping=stopping(DUE, LATER))
    assert found.inner == ()
    assert found.blocked == ({"inner": "it owns a run that is kept: kept"} if at_work else {})


def test_what_owns_a_kept_run_is_not_ended_and_is_said() -> None:
    known = observed(
        owned_object("j", DUE), pod("p", DUE), pod("q", DUE), loose=("j",), protected={"p": "kept", "j": "kept"}
    )
    found = OverdueObjects.of(known, due={DUE}, stopping=stopping(DUE))
    assert ([each.uid for each in found.pods], found.jobs) == (["q"], ())
    assert found.blocked == {"j": "it owns a run that is kept: kept"}


def test_a_loose_job_with_an_owner_is_left_to_it() -> None:
    job = owned_object(
        "j", owner("set", kind="JobSet", api_version="jobset.x-k8s.io/v1alpha2"), name="job", resource=JOBS
    )
    owned = OwnedResources(run_uids=frozenset({DUE}), names=frozenset({"job"})).with_objects([job])
    known = Observation(runs=(), owned=owned, complete=True, objects=(job,), loose=frozenset({"j"}))
    found = OverdueObjects.of(known, due={DUE}, stopping=stopping(DUE, job="job"))
    assert (found.jobs, found.blocked) == ((), {"j": "JobSet name-of-set owns it"})
