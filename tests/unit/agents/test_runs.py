"""How runs are found and read: the requests, the filter by task, and the fields of each run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps.agents.agent_run import parse_run, run_task
from steps.agents.run_policy import decide_by_kind
from steps.agents.runs import list_runs, live_runs
from steps.core.errors import Exit
from steps.domain.agent import Agent, RunOutcome
from steps.domain.record import LabelOutcome
from steps.domain.run_decision import RunAction
from steps.domain.task_id import TaskId
from steps.kube.transport import Json
from steps.settings.agent_kinds import RunKind
from tests.doubles.platform.controller import Cleanup
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, REPOSITORY, Scene, ago

AGENTS = DEFAULTS.namespaces.agents[0]
CODE_RUN = DEFAULTS.agents[0]
PLAY = {"agent-type": "tess"}
# The task is in a field that a label selector cannot match.
BY_FIELD = replace(CODE_RUN, task="spec.taskId")
BY_BRANCH = replace(CODE_RUN, branch="metadata.annotations.branch")
# An object with only the required fields.
BARE: dict[str, Any] = {
    "metadata": {
        "name": "j",
        "namespace": AGENTS,
        "uid": "u",
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
}

TASKS = DEFAULTS.tasks
GIT = DEFAULTS.github.hosts_of_git


def selectors(scene: Scene) -> list[str]:
    """The label selectors of the list requests."""
    return [call.query.get("labelSelector", "") for call in scene.api.calls if call.path.endswith("/coderuns")]


def of_task(scene: Scene, kind: RunKind) -> set[str]:
    """Names of the runs of task 7."""
    found = list_runs([kind], kube=scene.kube(), namespace=AGENTS, patterns=TASKS, hosts=GIT, task=TaskId("7"))
    return {run.name for run in found}


def unexpected(obj: Json, error: Exception) -> None:
    raise AssertionError(f"{obj}: {error}")


@pytest.mark.parametrize(
    ("selector", "kind", "asked"),
    [
        pytest.param({}, CODE_RUN, "task-id=7", id="by the task's label"),
        pytest.param(PLAY, CODE_RUN, "agent-type=tess,task-id=7", id="and by the kind's own"),
        pytest.param({}, BY_FIELD, "", id="by nothing: the task is not a label"),
        pytest.param(PLAY, BY_FIELD, "agent-type=tess", id="by the kind's own alone"),
        pytest.param(PLAY, BY_BRANCH, "agent-type=tess", id="a branch also makes a task"),
    ],
)
def test_the_api_server_selects_a_tasks_runs_by_label_and_the_rest_is_filtered(
    scene: Scene, selector: dict[str, str], kind: RunKind, asked: str
) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.agent(task=8)
    assert of_task(scene, replace(kind, selector=selector)) == {name}
    assert selectors(scene) == [asked]


@pytest.mark.parametrize(
    ("label", "prefix", "task"),
    [
        pytest.param("ENG-7", "", "eng-7", id="the case may differ"),
        pytest.param("7", "eng-", "eng-7", id="the label is a part of the id"),
        pytest.param("7", "1", "17", id="the label is a part of a number"),
    ],
)
def test_the_api_server_selects_by_the_labels_name_if_its_value_is_not_the_id(
    scene: Scene, label: str, prefix: str, task: str
) -> None:
    kind = replace(CODE_RUN, selector=PLAY, task_prefix=prefix)
    name = scene.agent()["metadata"]["name"]
    scene.api.patch("coderuns", name, {"metadata": {"labels": {"task-id": label}}}, namespace=AGENTS)
    scene.agent(task=8)
    found = list_runs([kind], kube=scene.kube(), namespace=AGENTS, patterns=TASKS, hosts=GIT, task=TaskId(task))
    assert [run.name for run in found] == [name]
    assert selectors(scene) == ["agent-type=tess,task-id"]


@pytest.mark.parametrize(
    ("selector", "kind", "asked"),
    [
        pytest.param({}, CODE_RUN, "task-id", id="by the task's label"),
        pytest.param(PLAY, CODE_RUN, "agent-type=tess,task-id", id="and by the kind's own"),
        pytest.param({}, BY_FIELD, "", id="by nothing: the task is not a label"),
        pytest.param(PLAY, BY_BRANCH, "agent-type=tess", id="a branch also makes a task"),
    ],
)
def test_runs_of_all_tasks_that_have_not_finished_are_found_with_their_tasks(
    scene: Scene, selector: dict[str, str], kind: RunKind, asked: str
) -> None:
    names = [scene.agent(task=task)["metadata"]["name"] for task in (7, 8)]
    finished = scene.agent(phase="Succeeded")["metadata"]["uid"]
    uids: set[str] = set()
    found = live_runs(
        [replace(kind, selector=selector)],
        kube=scene.kube(),
        namespace=AGENTS,
        patterns=TASKS,
        hosts=GIT,
        unreadable=unexpected,
        seen=uids.add,
    )
    assert sorted((task, run.name) for task, run in found) == [("7", names[0]), ("8", names[1])]
    assert len(uids) == 3
    assert finished in uids
    assert selectors(scene) == [asked]


def test_a_run_that_names_no_task_belongs_to_no_task(scene: Scene) -> None:
    kind = replace(CODE_RUN, task="metadata.annotations.task")
    scene.agent()
    assert not list(
        live_runs([kind], kube=scene.kube(), namespace=AGENTS, patterns=TASKS, hosts=GIT, unreadable=unexpected)
    )
    assert of_task(scene, kind) == set()


@pytest.mark.parametrize(
    ("obj", "group", "plural", "expected"),
    [
        pytest.param({"kind": "CodeRun"}, "agents.platform", "coderuns", ("agents.platform/v1", "CodeRun"), id="says"),
        pytest.param({}, "batch", "jobs", ("batch/v1", "Job"), id="a Job does not say so in a list"),
        pytest.param({}, "", "pods", ("v1", "Pod"), id="nor does a pod, which has no group"),
    ],
)
def test_the_reference_to_a_run_has_its_kind(
    obj: dict[str, str], group: str, plural: str, expected: tuple[str, str]
) -> None:
    kind = replace(CODE_RUN, group=group, plural=plural)
    about = parse_run(BARE | obj, kind=kind, hosts=GIT).about()
    assert (about.api_version, about.kind) == expected
    assert (about.namespace, about.name, about.uid) == (AGENTS, "j", "u")


def test_a_run_with_empty_fields_is_kept() -> None:
    run = parse_run(BARE, kind=CODE_RUN, hosts=GIT)
    verdict = decide_by_kind(run, repository=REPOSITORY, branch="task-7", watermark=run.facts.created_at, head_sha=NEW)
    assert (verdict.action, verdict.reason) == (RunAction.KEEP, "names no repository")


def test_the_recorded_entry_identifies_the_run(scene: Scene) -> None:
    obj = scene.agent()
    scene.later(5)
    (run,) = list_runs([CODE_RUN], kube=scene.kube(), namespace=AGENTS, patterns=TASKS, hosts=GIT, task=TaskId("7"))
    assert run.as_agent(outcome=RunOutcome.KEPT, reason="r") == Agent(
        kind="coderuns",
        name=obj["metadata"]["name"],
        uid=obj["metadata"]["uid"],
        namespace=AGENTS,
        job=f"{run.name}-{run.uid[:8]}",
        agent="5DLabs-Tess",
        created_at=run.facts.created_at,
        outcome=RunOutcome.KEPT,
        reason="r",
    )


def test_a_run_that_another_client_is_deleting_is_awaited_and_not_deleted_again(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    scene.controller.cleanup, scene.controller.slow_s = Cleanup.SLOW, 10
    scene.api.delete("coderuns", name, namespace=AGENTS, propagationPolicy="Foreground")
    scene.github.push("task-7-work", NEW)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert not [call for call in scene.api.calls if call.method == "DELETE"]
    (agent,) = scene.record().agents
    assert (agent.name, agent.outcome) == (name, RunOutcome.GONE)


def test_a_run_on_the_head_is_kept_even_if_the_push_is_no_longer_the_head(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, sha="metadata.annotations.sha"),))
    on_head = scene.agent(annotations={"sha": NEWER})["metadata"]["name"]
    for sha in (OLD, NEW):
        scene.agent(annotations={"sha": sha})
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    pushed_at = ago(scene.clock, 0)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(pushed_at=pushed_at)) is Exit.DONE
    assert scene.record().labels is LabelOutcome.HEAD_MOVED
    assert scene.runs() == {on_head}


SPACED = {"commit": f"{NEW}\n", "agent": " 5DLabs-Rex\r\n", "branch": "refs/heads/task-7-work\n", "task": " 7\n"}
SPACED_KIND = replace(
    CODE_RUN,
    agent="metadata.annotations.agent",
    branch="metadata.annotations.branch",
    task="metadata.annotations.task",
    sha="metadata.annotations.commit",
)


def test_white_space_around_a_field_changes_nothing() -> None:
    obj = BARE | {"metadata": BARE["metadata"] | {"annotations": SPACED}}
    facts = parse_run(obj, kind=SPACED_KIND, hosts=GIT).facts
    assert (facts.sha, facts.agent, facts.branch) == (NEW, "5DLabs-Rex", "task-7-work")
    assert run_task(obj, kind=SPACED_KIND, patterns=TASKS) == "7"
    assert run_task(obj, kind=replace(SPACED_KIND, task=""), patterns=TASKS) == "7"


@pytest.mark.parametrize("annotations", [{"commit": f"{NEW}\n"}, {"agent": "@5DLabs-Rex\n"}])
def test_a_run_on_the_head_or_of_an_exempt_agent_is_kept_although_its_field_ends_with_a_line_break(
    scene: Scene, annotations: dict[str, str]
) -> None:
    kind = replace(SPACED_KIND, task=CODE_RUN.task, branch="", cancellable=("*",))
    scene.settings = replace(DEFAULTS, agents=(kind,))
    kept = scene.agent(annotations={"agent": "5DLabs-Tess"} | annotations)["metadata"]["name"]
    scene.agent(annotations={"agent": "5DLabs-Tess"})
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {kept}


def test_long_texts_of_a_run_are_cut() -> None:
    metadata = {"name": "run", "uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-03-01T12:00:00Z"}
    obj = {"kind": "CodeRun", "metadata": metadata, "spec": {"githubApp": "x" * 300_000}}
    assert len(parse_run(obj, kind=DEFAULTS.agents[0], hosts=GIT).facts.agent) == 256


def test_an_unreadable_run_does_not_block_the_others(scene: Scene) -> None:
    scene.agent(name="odd")
    scene.agent(name="fine")
    stored = scene.api.get("coderuns", "odd", namespace=AGENTS)
    scene.api.backdate("coderuns", "odd", created="yesterday", namespace=AGENTS)
    odd: list[tuple[str, str]] = []
    found = live_runs(
        DEFAULTS.agents,
        kube=scene.kube(),
        namespace=AGENTS,
        patterns=TASKS,
        hosts=GIT,
        unreadable=lambda obj, error: odd.append((obj["metadata"]["uid"], type(error).__name__)),
    )
    assert [run.name for _, run in found] == ["fine"]
    assert odd == [(stored["metadata"]["uid"], "ValueError")]
