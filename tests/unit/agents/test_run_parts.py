"""Which Jobs and pods with the labels of a run are parts of another run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

import pytest

from steps.agents.agent_run import AgentRun
from steps.agents.owned_object import OwnedObject
from steps.agents.runs import _list_between, without_parts
from steps.kube import JOBS
from steps.kube.client import Kube
from steps.kube.resources import Resource
from steps.settings import RunKind
from tests.support import factories
from tests.support.documented_kinds import KINDS
from tests.support.harness import DEFAULTS

CODE_RUN, JOB, POD = DEFAULTS.agents[0], KINDS["job"], KINDS["pod"]
TASK_RUNS = Resource(group="tekton.dev", version="v1", plural="taskruns")


def run(
    uid: str,
    *controllers: str,
    kind: RunKind = CODE_RUN,
    owners: tuple[str, ...] = (),
    job: str = "",
    phase: str = "Running",
    keep: bool = False,
) -> AgentRun:
    """A run, with its controllers and its further owners."""
    _, any_run = factories.run(phase=phase)
    references = [replace(factories.owner(owner), controller=True) for owner in controllers]
    references[:0] = [factories.owner(owner) for owner in owners]
    facts = replace(any_run.facts, keep=keep)
    return replace(any_run, uid=uid, name=f"name-of-{uid}", kind=kind, job=job, owners=tuple(references), facts=facts)


def parts(*runs: AgentRun, between: Sequence[OwnedObject] = ()) -> dict[str, set[str]]:
    """The parts of each run that is left."""
    return {each.uid: set(each.parts) for each in without_parts(runs, between=between)}


@pytest.mark.parametrize("kind", [JOB, POD])
def test_a_job_or_pod_is_a_part_of_the_run_that_controls_it(kind: RunKind) -> None:
    assert parts(run("part", "whole", kind=kind), run("whole")) == {"whole": {"part"}}


def test_each_run_has_its_own_parts() -> None:
    runs = [run("a"), run("b"), run("of-a", "a", kind=JOB), run("of-b", "b", kind=JOB), run("too", "b", kind=POD)]
    assert parts(*runs) == {"a": {"of-a"}, "b": {"of-b", "too"}}


def test_a_pod_of_a_job_is_a_part_of_the_run_at_the_end_of_the_chain() -> None:
    chain = [run("pod", "job", kind=POD), run("job", "whole", kind=JOB), run("whole")]
    assert parts(*chain) == {"whole": {"pod", "job"}}


def test_a_run_of_another_kind_is_no_part_even_of_the_run_that_controls_it() -> None:
    assert parts(run("first", "whole"), run("job", "whole", kind=JOB), run("whole")) == {
        "first": set(),
        "whole": {"job"},
    }


def test_an_owner_that_is_not_the_controller_has_no_parts() -> None:
    assert parts(run("job", kind=JOB, owners=("whole",)), run("whole")) == {"job": set(), "whole": set()}
    runs = (run("job", "whole", kind=JOB, owners=("other",)), run("other"), run("whole"))
    assert parts(*runs) == {"other": set(), "whole": {"job"}}


def test_a_controller_that_is_not_listed_has_no_parts() -> None:
    assert parts(run("job", "elsewhere", kind=JOB), run("other")) == {"job": set(), "other": set()}


def test_a_finished_run_has_no_parts() -> None:
    assert parts(run("job", "whole", kind=JOB), run("whole", phase="Succeeded")) == {"job": set(), "whole": set()}
    named = run("whole", phase="Succeeded", job="name-of-job")
    assert parts(run("job", kind=JOB), named) == {"job": set(), "whole": set()}


def test_a_job_or_pod_with_a_mark_is_no_part() -> None:
    assert parts(run("job", "whole", kind=JOB, keep=True), run("whole")) == {"job": set(), "whole": set()}


def test_a_job_is_a_part_of_the_run_that_names_it() -> None:
    named = run("whole", job="name-of-job")
    assert parts(run("job", kind=JOB), run("pod", "job", kind=POD), named) == {"whole": {"job", "pod"}}


def test_a_pod_with_the_name_of_the_job_is_no_part() -> None:
    assert parts(run("job", kind=POD), run("whole", job="name-of-job")) == {"job": set(), "whole": set()}


def test_a_job_that_names_itself_is_a_run() -> None:
    assert parts(run("job", kind=JOB, job="name-of-job")) == {"job": set()}
    assert parts(run("job", kind=JOB), run("other", kind=JOB, job="name-of-job")) == {"job": set(), "other": set()}


def test_the_controller_comes_before_the_run_that_names_the_job() -> None:
    runs = (run("job", "whole", kind=JOB), run("whole"), run("names", job="name-of-job"))
    assert parts(*runs) == {"whole": {"job"}, "names": set()}


def test_objects_that_control_each_other_are_runs() -> None:
    assert parts(run("one", "two", kind=JOB), run("two", "one", kind=JOB)) == {"one": set(), "two": set()}


def between(uid: str, *controllers: str, resource: Resource = TASK_RUNS, name: str = "") -> OwnedObject:
    """An object that is no run, with its controllers."""
    references = [replace(factories.owner(owner), controller=True) for owner in controllers]
    return factories.owned_object(uid, *references, resource=resource, name=name or f"name-of-{uid}")


@pytest.mark.parametrize("kind", [JOB, POD])
def test_a_job_or_pod_is_a_part_of_the_run_that_controls_it_through_other_objects(kind: RunKind) -> None:
    runs = [run("part", "lower", kind=kind), run("whole"), run("other")]
    chain = [between("lower", "upper"), between("upper", "whole"), between("beside", "other")]
    assert parts(*runs, between=chain) == {"whole": {"part"}, "other": set()}


def test_a_pod_is_a_part_of_the_run_that_names_its_job() -> None:
    job = between("of-run", resource=JOBS, name="its-job")
    runs = [run("part", "of-run", kind=POD), run("whole", job="its-job")]
    assert parts(*runs, between=[job]) == {"whole": {"part"}}


@pytest.mark.parametrize("chain", [[between("lower")], [between("lower", "upper"), between("upper", "lower")]])
def test_a_pod_whose_controllers_lead_to_no_run_is_judged_by_itself(chain: list[OwnedObject]) -> None:
    assert parts(run("part", "lower", kind=POD), run("run"), between=chain) == {"part": set(), "run": set()}


def test_a_pod_whose_run_has_ended_is_judged_by_itself() -> None:
    runs = [run("pod", "lower", kind=POD), run("ended", phase="Failed")]
    assert parts(*runs, between=[between("lower", "ended")]) == {"pod": set(), "ended": set()}


def test_a_pod_that_a_person_has_marked_is_no_part_of_a_run_that_controls_it_through_other_objects() -> None:
    runs = [run("pod", "lower", kind=POD, keep=True), run("whole")]
    assert parts(*runs, between=[between("lower", "whole")]) == {"pod": set(), "whole": set()}


class Listing:
    """An API server that has nothing, and remembers what was listed."""

    def __init__(self) -> None:
        self.listed: list[str] = []

    def list(self, resource: Resource, **_: object) -> Iterator[dict[str, object]]:
        """List nothing."""
        self.listed.append(resource.plural)
        return iter(())


@pytest.mark.parametrize(
    ("kind", "controls", "owner", "listed"),
    [
        pytest.param("pod", True, "lower", ["taskruns"], id="a pod whose controller is no run"),
        pytest.param("pod", False, "lower", [], id="a pod with an owner that does not control it"),
        pytest.param("pod", True, "whole", [], id="a pod whose controller is a run"),
        pytest.param("sandbox", True, "lower", [], id="neither a Job nor a pod"),
    ],
)
def test_what_lies_between_is_listed_only_for_a_job_or_pod_whose_controller_is_no_run(
    kind: str, owner: str, listed: list[str], *, controls: bool
) -> None:
    reference = replace(factories.owner(owner), api_version="tekton.dev/v1", kind="TaskRun", controller=controls)
    runs = [replace(run("part", kind=KINDS[kind]), owners=(reference,)), run("whole")]
    server = Listing()
    _list_between(runs, kinds=[KINDS["tekton-pipeline-run"], KINDS[kind]], kube=cast("Kube", server), namespace="x")
    assert server.listed == listed
