"""Deleting what is left of stopped runs: in which order, how often, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from steps.agents import overdue
from steps.agents.agent_run import AgentRun
from steps.agents.observation import Observation
from steps.agents.overdue import OverdueObjects, RemainingObjects
from steps.agents.owned_object import OwnedObject
from steps.agents.owned_resources import OwnedResources
from steps.cancellation.claim import claim_record
from steps.core.errors import ConflictError, ForbiddenError, StepError, UnavailableError
from steps.domain.agent import RunOutcome
from steps.kube.resources import JOBS, PODS
from tests.support import factories
from tests.support.factories import owned_object
from tests.support.harness import DEFAULTS, Scene

Answers = dict[str, StepError | None]
KIND = DEFAULTS.agents[0]
GONE = "gone"


class Api:
    """Takes the deletes, with answers of its own for some objects; of an object of `gone`, nothing is known."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.errors: dict[str, StepError] = {}
        self.gone: set[str] = set()

    def delete(self, objects: Iterable[OwnedObject], /, **_: Any) -> Answers:  # noqa: ANN401 - not used
        uids = [each.uid for each in objects]
        self.sent += uids
        return {uid: self.errors.get(uid) for uid in uids if uid not in self.gone}

    def ask(self, run: AgentRun, **_: Any) -> StepError | None:  # noqa: ANN401 - not used
        self.sent.append(run.uid)
        return self.errors.get(run.uid)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API server in place of every delete."""
    found = Api()
    for name in ("delete_jobs", "delete_owned_runs", "end_pods", "force_delete_pods"):
        monkeypatch.setattr(overdue, name, found.delete)
    monkeypatch.setattr(overdue, "send_stop_patch", found.ask)
    return found


@pytest.fixture
def remaining(scene: Scene) -> RemainingObjects:
    """What is left, of a step that holds the Lease."""
    context = scene.context(scene.workflow(), pod="pod")
    held = context.lease().acquire(partial(claim_record, context=context))
    assert held is not None
    return RemainingObjects(context=context, held=held)


def inner(uid: str, **kind: Any) -> AgentRun:  # noqa: ANN401 - passed on
    _, found = factories.run()
    return replace(found, uid=uid, name=uid, kind=replace(KIND, **kind))


def left(*, pods: Iterable[str] = (), jobs: Iterable[str] = (), inner: Iterable[AgentRun] = ()) -> OverdueObjects:
    return OverdueObjects(
        pods=tuple(owned_object(uid, resource=PODS) for uid in pods),
        jobs=tuple(owned_object(uid, resource=JOBS) for uid in jobs),
        inner=tuple(inner),
        blocked={},
    )


def said(scene: Scene) -> list[str]:
    return [line["event"] for line in scene.events() if "names" in line]


def test_jobs_go_before_the_runs_and_pods_that_they_would_start_again(
    scene: Scene, api: Api, remaining: RemainingObjects
) -> None:
    kept = inner("stays", delete=False, stop_patch={"spec": {"stop": True}})
    remaining.end(left(pods=["pod"], jobs=["job"], inner=[inner("run"), kept]))
    assert api.sent == ["job", "run", "pod"]
    assert said(scene) == [
        "grace period is over, deleting Jobs",
        "deleting what stopped runs own",
        "grace period is over, deleting pods",
    ]


def test_what_is_being_deleted_is_deleted_once(api: Api, remaining: RemainingObjects, scene: Scene) -> None:
    for _ in range(3):
        remaining.end(left(jobs=["job"]))
        scene.clock.sleep(60)
    assert api.sent == ["job"]


@pytest.mark.parametrize(
    ("error", "after_s"),
    [(ForbiddenError("no"), 5), (UnavailableError("busy", retry_after_s=12), 12), (UnavailableError("busy"), 5)],
)
def test_a_refused_delete_is_sent_again_after_a_while(
    api: Api, remaining: RemainingObjects, scene: Scene, error: StepError, after_s: float
) -> None:
    api.errors["job"] = error
    remaining.end(left(jobs=["job"]))
    assert remaining.refused == {"job": f"not deleted: {error}"}
    scene.clock.sleep(after_s - 0.1)
    remaining.end(left(jobs=["job"]))
    assert api.sent == ["job"]
    scene.clock.sleep(0.1)
    del api.errors["job"]
    remaining.end(left(jobs=["job"]))
    assert (api.sent, remaining.refused) == (["job", "job"], {})


def test_an_object_that_has_changed_does_not_hide_the_refusal_of_another(api: Api, remaining: RemainingObjects) -> None:
    api.gone, api.errors = {"a"}, {"b": ForbiddenError("no")}
    remaining.end(left(jobs=["a", "b"]))
    assert remaining.refused == {"b": "not deleted: no"}
    remaining.end(left(jobs=["a"]))
    assert api.sent == ["a", "b", "a"]


# What nobody else would end.


def observation(*pods: OwnedObject, owned: OwnedResources, inner: Iterable[AgentRun] = ()) -> Observation:
    runs = {each.uid: each for each in inner}
    return Observation(
        runs=(),
        owned=owned,
        complete=True,
        pods=pods,
        objects=tuple(each.as_object() for each in runs.values()),
        at_work=frozenset(runs),
        inner=runs,
    )


def end_ownerless(remaining: RemainingObjects, found: Observation) -> None:
    _, run = factories.run()
    agent = replace(run, uid=GONE).as_agent(outcome=RunOutcome.STOPPING, reason="stale")
    remaining.end_ownerless(found, stopping=[agent])


def test_only_a_pod_without_an_owner_that_is_no_run_itself_is_ended(
    scene: Scene, api: Api, remaining: RemainingObjects
) -> None:
    recorded = {uid: frozenset({GONE}) for uid in ("loose", "owned")}
    owned = OwnedResources(run_uids=frozenset({GONE}), names=frozenset(), recorded=recorded)
    pods = [
        owned_object(uid, *owners, resource=PODS) for uid, owners in (("loose", ()), ("owned", (GONE,)), (GONE, ()))
    ]
    end_ownerless(remaining, observation(*pods, owned=owned))
    assert api.sent == ["loose"]
    assert said(scene) == ["deleting pods without an owner"]


@pytest.mark.parametrize(("answer", "asked"), [(None, 1), (ConflictError("changed"), 2)])
def test_an_inner_run_is_stopped_in_the_way_of_its_kind(
    scene: Scene, api: Api, remaining: RemainingObjects, answer: StepError | None, asked: int
) -> None:
    runs = [inner("asks", stop_patch={"spec": {"stop": True}}), inner("deletes")]
    recorded = {run.uid: frozenset({GONE}) for run in runs}
    found = observation(
        owned=OwnedResources(run_uids=frozenset({GONE}), names=frozenset(), recorded=recorded), inner=runs
    )
    api.errors = {"asks": answer} if answer else {}
    for _ in range(2):
        end_ownerless(remaining, found)
    assert sorted(api.sent) == ["asks"] * asked + ["deletes"]
    assert set(said(scene)) == {"asking what stopped runs own to stop", "deleting what stopped runs own"}
