"""Runs that are judged together: which are kept for a run that they own, and which objects are runs of other tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps.agents.agent_run import AgentRun
from steps.agents.decisions import Surroundings, decide_all, find_foreign_runs
from steps.agents.owned_object import OwnedObject, OwnerReference
from steps.agents.ownership import owned_by_stopping_runs
from steps.domain.agent import RunOutcome
from steps.kube.resources import Resource
from steps.settings.agent_kinds import RunKind
from tests.support import factories
from tests.support.documented_kinds import JOB
from tests.support.factories import NOW, REX, owned_object, owner
from tests.support.harness import DEFAULTS

CODE_RUN = DEFAULTS.agents[0]
CODE_RUNS = Resource(group="agents.platform", version="v1", plural="coderuns")
RECORD = factories.record(factories.push())


def run(uid: str, *owners: str | OwnerReference, job: str = "", **facts: object) -> AgentRun:
    """A stale run with these owners, unless the facts say otherwise."""
    _, found = factories.run()
    references = tuple(owner(each) if isinstance(each, str) else each for each in owners)
    facts_ = replace(found.facts, **facts)  # type: ignore[arg-type]
    return replace(found, uid=uid, name=f"name-of-{uid}", owners=references, job=job, facts=facts_)


def newer(uid: str, *owners: str | OwnerReference) -> AgentRun:
    return run(uid, *owners, created_at=NOW)


def kept_for(*runs: AgentRun, objects: tuple[OwnedObject, ...] = ()) -> dict[str, str]:
    """The names of the runs that stale runs are kept for, by the uid of the stale run."""
    judged = decide_all(runs, record=RECORD, around=Surroundings(objects=objects))
    names = {each.uid: each.name for each in runs}
    return {agent.uid: names[agent.kept_for] for agent in judged.kept if agent.kept_for}


def test_what_is_kept_for_its_own_sake_and_what_owns_it_are_protected() -> None:
    runs = (run("s"), run("o"), newer("n", "o"), run("r", agent=REX), run("f", phase="Succeeded"))
    judged = decide_all(runs, record=RECORD)
    assert judged.protected == {"o", "n", "r"}
    assert [each.uid for each in judged.stale] == ["s"]
    assert judged.runs == runs


@pytest.mark.parametrize(
    ("job", "spared"),
    [
        pytest.param(owned_object("j", name="job"), True, id="nothing else owns it"),
        pytest.param(owned_object("j", "somebody", name="job"), False, id="somebody owns it: it is not deleted"),
        pytest.param(owned_object("j", name="other"), False, id="another name"),
        pytest.param(owned_object("j", name="job", resource=CODE_RUNS), False, id="not a Job"),
    ],
)
def test_a_job_that_a_stale_run_only_names_counts_as_its_own(job: OwnedObject, *, spared: bool) -> None:
    found = kept_for(run("s", job="job"), newer("n", "j"), objects=(job,))
    assert found == ({"s": "name-of-n"} if spared else {})


@pytest.mark.parametrize(("phase", "spared"), [("Running", False), ("Succeeded", True)])
def test_the_job_of_a_kept_run_that_has_not_ended_is_not_that_of_a_stale_run(phase: str, *, spared: bool) -> None:
    kept = run("k", job="job", created_at=NOW, phase=phase)
    job = owned_object("j", name="job")
    assert kept_for(run("s", job="job"), kept, newer("n", "j"), objects=(job,)) == (
        {"s": "name-of-n"} if spared else {}
    )


def test_a_job_that_is_itself_a_run_is_not_its_own_owner() -> None:
    itself = replace(run("s", job="name-of-s"), kind=JOB)
    assert kept_for(itself, newer("n"), objects=(itself.as_object(),)) == {}
    namesake = owned_object("another", name="name-of-s")
    assert kept_for(itself, newer("n", "another"), objects=(namesake,)) == {}


@pytest.mark.parametrize(
    ("agent", "known", "settled"),
    [
        pytest.param({}, run("s", job="job"), False, id="it is to be stopped"),
        pytest.param({"owned": ("j",)}, run("s", job="job"), False, id="an earlier attempt did not delete it"),
        pytest.param({}, run("s", job="job", deleting=True), False, id="somebody else deleted it"),
        pytest.param({"owned": ("j",)}, run("s", job="job", deleting=True), True, id="an earlier attempt deleted it"),
        pytest.param({"owned": ("j",)}, None, True, id="it is gone"),
        pytest.param({}, None, False, id="it is gone, and nothing was noted, as in an older version"),
        pytest.param({"kind": "jobs", "name": "job"}, run("s", job="job"), True, id="it is itself the Job"),
    ],
)
def test_a_job_is_looked_for_by_its_name_only_before_its_run_is_deleted(
    agent: dict[str, Any], known: AgentRun | None, *, settled: bool
) -> None:
    entry = replace(run("s", job="job").as_stopping(), **agent)
    judged = replace(decide_all([], record=RECORD), runs=(known,) if known else ())
    record = replace(RECORD, agents=(entry,))
    owned = owned_by_stopping_runs(record, judged=judged, around=Surroundings(), kinds=[CODE_RUN])
    assert owned.names == {"job"}
    assert owned.settled == ({"job"} if settled else set())


@pytest.mark.parametrize(
    ("found", "kind", "foreign"),
    [
        pytest.param(
            owned_object("x", resource=CODE_RUNS, labels={"task-id": "8"}), CODE_RUN, True, id="another task's"
        ),
        pytest.param(
            owned_object("own", resource=CODE_RUNS, labels={"task-id": "7"}), CODE_RUN, False, id="the task's"
        ),
        pytest.param(owned_object("x", resource=CODE_RUNS), CODE_RUN, False, id="without a task"),
        pytest.param(
            owned_object("x", resource=CODE_RUNS),
            replace(CODE_RUN, task="spec.taskId"),
            True,
            id="the task is not a label",
        ),
        pytest.param(
            owned_object("x", resource=CODE_RUNS),
            replace(CODE_RUN, branch="metadata.annotations.branch"),
            True,
            id="a branch also names the task",
        ),
        pytest.param(
            owned_object("x", resource=replace(CODE_RUNS, version="v2"), labels={"task-id": "8"}),
            CODE_RUN,
            True,
            id="in another version",
        ),
        pytest.param(owned_object("x", labels={"task-id": "8"}), CODE_RUN, False, id="another resource"),
        pytest.param(
            owned_object("x", labels={"task-id": "8", "kind-of-work": "agent"}), JOB, True, id="with exactly the labels"
        ),
        pytest.param(owned_object("x", labels={"task-id": "8"}), JOB, False, id="without the labels of its kind"),
    ],
)
def test_a_run_of_another_task_is_recognised_by_its_resource_and_its_labels(
    found: OwnedObject, kind: RunKind, *, foreign: bool
) -> None:
    kind = replace(kind, selector={"kind-of-work": "agent"}) if kind is JOB else kind
    assert find_foreign_runs([found], kinds=[kind], runs=[run("own")]) == ((found,) if foreign else ())


def test_what_kept_runs_and_runs_of_other_tasks_own_is_not_that_of_the_runs_that_are_stopped() -> None:
    runs = (run("s"), newer("n"), run("f", phase="Succeeded"))
    other = owned_object("x", resource=CODE_RUNS)
    jobs = tuple(
        owned_object(f"job-of-{uid}", "s", *above) for uid, *above in (("s",), ("n", "n"), ("f", "f"), ("x", "x"))
    )
    around = Surroundings(objects=(*jobs, other), foreign=(other,))
    judged = decide_all(runs, record=RECORD, around=around)
    record = RECORD.with_agents(tuple(each.as_agent(outcome=RunOutcome.STOPPING, reason="") for each in judged.stale))
    owned = owned_by_stopping_runs(record, judged=judged, around=around, kinds=DEFAULTS.agents)
    assert {job.uid for job in jobs if owned.has(job)} == {"job-of-s", "job-of-f"}
    assert owned.run_uids == {"s"}
