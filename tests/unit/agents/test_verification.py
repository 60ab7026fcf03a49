"""The remaining objects of a run, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.agents.observation import Observation
from steps.agents.owned_object import Finalizers
from steps.agents.owned_resources import JOB_NAME, OwnedResources
from steps.agents.verification import unstopped_error
from steps.core.errors import (
    BadInputError,
    ConflictError,
    ForbiddenError,
    StepError,
    StillRunningError,
    TryAgainError,
)
from steps.domain.agent import RunOutcome
from steps.kube.resources import PODS as POD
from tests.support import factories

_, RUN = factories.run(deleting=True)
AGENT = RUN.as_agent(outcome=RunOutcome.STOPPING, reason="stale")
OWNED = OwnedResources(run_uids=frozenset({RUN.uid}), names=frozenset({"job"}))
PODS = tuple(factories.owned_object(name, name=name, resource=POD, labels={JOB_NAME: "job"}) for name in ("one", "two"))


@pytest.mark.parametrize(
    ("finalizers", "expected"),
    [
        ((), "its object still exists in phase Running"),
        (("a/b", "c/d"), "its object still exists in phase Running; its finalizers are a/b, c/d"),
    ],
)
def test_a_run_that_still_exists_names_the_finalizers_that_block_it(finalizers: tuple[str, ...], expected: str) -> None:
    observation = Observation(runs=(replace(RUN, finalizers=Finalizers(finalizers)),), owned=OWNED, complete=True)
    assert observation.remains_of(AGENT) == expected


def test_the_text_about_finalizers_is_bounded() -> None:
    observation = Observation(
        runs=(replace(RUN, finalizers=Finalizers(("x" * 200, "y" * 200))),), owned=OWNED, complete=True
    )
    assert len(observation.remains_of(AGENT)) == 256


def test_of_the_objects_that_are_left_one_that_could_not_be_deleted_is_named_with_the_reason() -> None:
    jobs = tuple(factories.owned_object(name, RUN.uid, name=name) for name in ("one", "two", "three"))
    known = Observation(runs=(), owned=OWNED.with_objects(jobs), complete=True, objects=jobs)
    assert known.remains_of(AGENT) == "its Job one still exists"
    assert replace(known, blocked={"two": "why"}).remains_of(AGENT) == "its Job two still exists: why"
    assert len(replace(known, blocked={"two": "x" * 400}).remains_of(AGENT)) == 256


def test_a_job_of_a_run_that_has_ended_is_left_only_if_it_has_not_ended() -> None:
    _, ended = factories.run(phase="Succeeded")
    job = factories.owned_object("j", RUN.uid, name="one")
    known = Observation(runs=(ended,), owned=OWNED.with_objects([job]), complete=True, objects=(job,))
    assert known.remains_of(AGENT) == ""
    at_work = replace(known, at_work=frozenset({"j"}))
    assert at_work.remains_of(AGENT) == "its Job one has not ended"
    assert replace(at_work, blocked={"j": "why"}).remains_of(AGENT) == "its Job one has not ended: why"
    assert replace(at_work, runs=()).remains_of(AGENT) == "its Job one still exists"


def test_all_pods_that_still_run_are_named() -> None:
    owned = replace(OWNED, names=frozenset({AGENT.job, "job"}))
    agent = replace(AGENT, job="job")
    observation = Observation(runs=(), owned=owned, complete=True, pods=PODS)
    assert observation.remains_of(agent) == "pods still run: one, two"


@pytest.mark.parametrize(
    ("finalizers", "due", "expected"),
    [
        ((), set(), "its object is being removed"),
        (("foregroundDeletion",), set(), "its object is being removed"),
        ((), {RUN.uid}, ""),
        (("foregroundDeletion", "a/b"), set(), ""),
    ],
)
def test_a_run_that_has_ended_is_awaited_in_its_grace_period_while_only_kubernetes_removes_it(
    finalizers: tuple[str, ...], due: set[str], expected: str
) -> None:
    _, ended = factories.run(deleting=True, phase="Succeeded")
    run = replace(ended, uid=RUN.uid, finalizers=Finalizers(finalizers))
    observation = Observation(runs=(run,), owned=OWNED, complete=True, due=frozenset(due))
    assert observation.remains_of(AGENT) == expected


FORBIDDEN, BAD, BUSY = ForbiddenError("denied"), BadInputError("invalid"), TryAgainError("busy")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (FORBIDDEN, FORBIDDEN, ForbiddenError),
        (FORBIDDEN, BAD, ForbiddenError),
        (BAD, BAD, BadInputError),
        (BAD, BUSY, StillRunningError),
        (FORBIDDEN, ConflictError("changed"), StillRunningError),
        (FORBIDDEN, None, StillRunningError),
        (None, None, StillRunningError),
    ],
)
def test_the_error_of_a_stop_names_each_run_that_is_left_and_says_whether_to_retry(
    first: StepError | None, second: StepError | None, expected: type[StepError]
) -> None:
    stuck = [replace(AGENT, uid=uid, name=f"run-{uid}", reason=f"reason-{uid}") for uid in ("1", "2")]
    refused = {uid: error for uid, error in (("1", first), ("2", second)) if error}
    error = unstopped_error(stuck, refused=refused)
    assert (type(error), str(error)) == (expected, "run-1: reason-1; run-2: reason-2")
