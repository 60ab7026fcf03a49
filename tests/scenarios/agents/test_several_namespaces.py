"""Agents of one task in several namespaces: each is found, stopped and proven gone where it is, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipelines.manifests.rbac import reconcile_access
from pipelines.preview import preview_runs
from pipelines.settings import Settings
from steps.core.errors import Exit
from steps.core.keys import RECORD
from steps.domain.agent import RunOutcome
from steps.domain.record import LabelOutcome, Phase
from steps.domain.task_id import TaskId
from steps.kube.events import EventReason
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import RepairAction
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import REX
from tests.support import ownership
from tests.support.harness import DEFAULTS, REPOSITORY, Scene, Workflow
from tests.support.rbac import Grants, granted, used
from tests.support.scenarios import HOME, MOVED, UNTOUCHED, found, pushed

ONE, TWO, STATE = "team-one", "team-two", "task-states"
SETTINGS: Settings = replace(DEFAULTS, namespaces=replace(DEFAULTS.namespaces, agents=(ONE, TWO)))


@pytest.fixture
def two(scene: Scene) -> Scene:
    """A cluster with two namespaces of agents."""
    return on(scene, SETTINGS)


def on(scene: Scene, settings: Settings) -> Scene:
    """The same GitHub and clock, with a cluster for these settings."""
    return Scene(
        github=scene.github,
        github_url=scene.github_url,
        clock=scene.clock,
        settings=settings,
        reconcile_settings=settings,
    )


def places(scene: Scene, plural: str = "coderuns") -> set[tuple[str, str]]:
    """Namespaces and names of the objects that are there."""
    return {
        (space, each["metadata"]["name"]) for space in (ONE, TWO) for each in scene.api.list(plural, namespace=space)
    }


def outcomes(scene: Scene) -> dict[tuple[str | None, str], RunOutcome]:
    """The record's entries, by namespace and name."""
    return {(agent.namespace, agent.name): agent.outcome for agent in scene.record().agents}


def put_state(scene: Scene, namespace: str, text: str = '{"cancellation_in_progress": false}') -> None:
    metadata = {"name": "task-7-state", "namespace": namespace}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"state.json": text}}
    scene.api.create(body)


def put_flag(scene: Scene, namespace: str) -> None:
    """The flag is set, and no cancellation is in progress."""
    data = {"state.json": '{"cancellation_in_progress": true, "last_update": "2026-02-01T00:00:00Z"}'}
    scene.api.patch("configmaps", "task-7-state", {"data": data}, namespace=namespace)


def flag(scene: Scene, namespace: str) -> object:
    """The flag of the state document."""
    stored = scene.api.get("configmaps", "task-7-state", namespace=namespace)
    return json.loads(stored["data"]["state.json"])["cancellation_in_progress"]


def test_agents_of_one_task_are_stopped_in_every_namespace(two: Scene) -> None:
    two.agent(name="first", namespace=ONE)
    two.agent(name="second", namespace=TWO)
    two.later(5)
    pushed(two)
    workflow = two.workflow()
    two.later(2)
    two.agent(name="newer", namespace=TWO)
    two.later(3)
    assert two.play(workflow) is Exit.DONE
    assert places(two) == {(TWO, "newer")}
    assert {space for space, _ in places(two, "pods")} == {TWO}
    assert outcomes(two) == {
        (ONE, "first"): RunOutcome.GONE,
        (TWO, "second"): RunOutcome.GONE,
        (TWO, "newer"): RunOutcome.KEPT,
    }
    assert set(two.github.labels(1)) == MOVED
    named = {
        (each["metadata"]["namespace"], each["involvedObject"]["name"])
        for each in two.kubernetes_events(EventReason.CANCELLED)
    }
    assert named == {(ONE, "first"), (TWO, "second")}


def test_two_runs_of_one_name_are_two_runs(two: Scene) -> None:
    """A name is unique only within a namespace: each is judged, stopped, recorded and shown by itself."""
    two.agent(name="tess", namespace=ONE)
    two.later(5)
    pushed(two)
    workflow = two.workflow()
    two.later(2)
    newer = two.agent(name="tess", namespace=TWO)
    two.later(3)
    assert two.play(workflow) is Exit.DONE
    assert places(two) == {(TWO, "tess")}
    assert two.api.get("coderuns", "tess", namespace=TWO)["metadata"]["uid"] == newer["metadata"]["uid"]
    assert outcomes(two) == {(ONE, "tess"): RunOutcome.GONE, (TWO, "tess"): RunOutcome.KEPT}
    (comment,) = two.github.comments(1)
    assert "`team-one/tess` of" in comment.body
    assert "`team-two/tess` of" in comment.body


@pytest.mark.parametrize("ending", [Ending.DEAD_NODE, Ending.AFTER])
def test_a_job_of_the_same_name_in_another_namespace_is_left_alone(two: Scene, ending: Ending) -> None:
    """The stale run only names its Job. The namesake of that Job works for a run that is kept."""
    two.kubelets[ONE].ending = ending
    stale = two.agent(name="tess", namespace=ONE)
    two.later(5)
    job = two.api.get("coderuns", "tess", namespace=ONE)["status"]["jobName"]
    without_owner = {"metadata": {"ownerReferences": None}}
    two.api.patch("jobs", job, without_owner, namespace=ONE)
    metadata = {"name": job, "namespace": TWO}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "agent:1"}]}}}
    two.api.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
    two.later(3)
    pushed(two)
    assert two.play(two.workflow()) is Exit.DONE
    assert places(two) == set()
    assert places(two, "jobs") == {(TWO, job)}
    assert [space for space, _ in places(two, "pods")] == [TWO]
    (agent,) = two.record().agents
    assert (agent.uid, agent.outcome) == (stale["metadata"]["uid"], RunOutcome.GONE)


def test_pods_are_selected_in_the_namespace_of_their_run(two: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], pod_selector={"run": "{name}"})
    two.settings = replace(SETTINGS, agents=(kind,))
    two.agent(name="tess", namespace=ONE)
    two.later(5)
    container = {"name": "main", "image": "agent:1"}
    for space in (ONE, TWO):
        metadata = {"name": "helper", "namespace": space, "labels": {"run": "tess"}}
        two.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}})
    pushed(two)
    assert two.play(two.workflow()) is Exit.DONE
    assert places(two, "pods") == {(TWO, "helper")}


def test_an_owner_in_another_namespace_is_none(two: Scene) -> None:
    """Kubernetes follows no owner reference into another namespace, so it neither spares nor takes along a run."""
    two.api.auto_collect = False  # the garbage collector deletes an object whose owners it does not find
    stale = two.agent(name="stale", namespace=ONE)
    foreign = two.agent(name="foreign", namespace=ONE)
    two.later(5)
    pushed(two)
    workflow = two.workflow()
    two.later(2)
    two.agent(name="exempt", namespace=TWO, agent=REX, owners=[ownership.reference(stale, block=False)])
    pod = {"name": "loose", "namespace": TWO, "ownerReferences": [ownership.reference(foreign, block=False)]}
    container = {"name": "main", "image": "agent:1"}
    two.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": {"containers": [container]}})
    deleted: list[str] = []
    seen = Fault(method="DELETE", path="/namespaces/", times=0, before=lambda call: deleted.append(call.path))
    two.api.faults.add(seen)
    two.attempt(workflow)
    assert outcomes(two).keys() == {(ONE, "stale"), (ONE, "foreign"), (TWO, "exempt")}
    kept = {name for (_, name), outcome in outcomes(two).items() if outcome is RunOutcome.KEPT}
    assert kept == {"exempt"}, "a stale run is not spared for a run that it cannot own"
    assert not [path for path in deleted if f"/namespaces/{TWO}/" in path]


def test_an_owner_in_the_same_namespace_is_followed_in_each(two: Scene) -> None:
    for space in (ONE, TWO):
        two.agent(name="stale", namespace=space)
    two.later(5)
    pushed(two)
    workflow = two.workflow()
    two.later(2)
    owner = two.api.get("coderuns", "stale", namespace=TWO)
    two.agent(name="newer", namespace=TWO, owners=[ownership.reference(owner)])
    two.later(3)
    assert two.play(workflow) is Exit.DONE
    assert places(two) == {(TWO, "stale"), (TWO, "newer")}
    assert outcomes(two)[TWO, "stale"] is RunOutcome.KEPT


def test_the_roles_allow_exactly_what_is_used_in_each_namespace(scene: Scene) -> None:
    two = on(scene, replace(SETTINGS, namespaces=replace(SETTINGS.namespaces, state=STATE)))
    put_state(two, STATE)
    for space in (ONE, TWO):
        two.kubelets[space].ending = Ending.DEAD_NODE
        two.agent(name="dead", namespace=space)
        two.agent(name="loose", namespace=space)
    two.later(5)
    for space in (ONE, TWO):
        job = two.api.get("coderuns", "loose", namespace=space)["status"]["jobName"]
        two.api.patch("jobs", job, {"metadata": {"ownerReferences": None}}, namespace=space)
    pushed(two)

    def touch(_: object) -> None:
        for space, name in places(two):
            status = {"status": {"message": "busy"}}
            two.api.patch("coderuns", name, status, namespace=space, subresource="status")

    two.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=touch))
    assert two.play(two.workflow()) is Exit.DONE
    assert elsewhere(used(two.api.calls)) == elsewhere(granted(two))
    assert {each for each in granted(two) if each[0] == STATE} == {
        (STATE, "", "configmaps", "get"),
        (STATE, "", "configmaps", "update"),
    }
    two.api.calls.clear()
    put_flag(two, STATE)
    two.later(400)
    two.reconcile()
    assert elsewhere(used(two.api.calls)) == elsewhere(granted(two, reconcile_access))


def elsewhere(grants: Grants) -> Grants:
    """The rights outside the workflows' namespace."""
    return {each for each in grants if each[0] != HOME}


@pytest.mark.parametrize(("state", "expected"), [("", ONE), (STATE, STATE), (TWO, TWO), (HOME, HOME)])
def test_the_state_document_is_in_its_own_namespace(scene: Scene, state: str, expected: str) -> None:
    two = on(scene, replace(SETTINGS, namespaces=replace(SETTINGS.namespaces, state=state)))
    put_state(two, expected)
    two.agent(namespace=TWO)
    two.later(5)
    pushed(two)
    workflow = two.workflow()
    two.begin(workflow, pod="crashed")
    assert flag(two, expected) is True
    two.end_pod("crashed", phase="Failed")
    assert two.play(workflow) is Exit.DONE
    assert flag(two, expected) is False


def test_reconcile_finds_stale_runs_in_every_namespace(two: Scene) -> None:
    two.agent(name="first", namespace=ONE)
    two.later(5)
    pushed(two)
    assert two.play(two.workflow()) is Exit.DONE
    two.later(60)
    late = two.agent(name="late", namespace=TWO)
    two.api.backdate("coderuns", "late", created="2020-01-01T00:00:00Z", namespace=TWO)
    assert found(two.reconcile()) == [(FindingKind.LIVE_STALE, RepairAction.REOPEN)]
    assert two.run_repairs() == [Exit.DONE]
    assert places(two) == set()
    assert {agent.uid for agent in two.record().agents} >= {late["metadata"]["uid"]}


def refused(space: str, *, times: int = 0) -> Fault:
    """What the API server answers if the Role is not there: it cannot be, in a namespace that does not exist."""
    message = (
        'coderuns.agents.platform is forbidden: User "system:serviceaccount:agent-cancellation:cancel-agents" cannot '
        f'list resource "coderuns" in API group "agents.platform" in the namespace "{space}"'
    )
    path = f"/namespaces/{space}/coderuns"
    return Fault(method="GET", path=path, times=times, status=403, reason="Forbidden", message=message)


def test_a_namespace_that_does_not_exist_stops_the_push_before_any_delete(two: Scene) -> None:
    """An agent may be where the step may not list. It ends with the code for a missing right, and names the place."""
    two.agent(name="first", namespace=ONE)
    two.later(5)
    pushed(two)
    two.api.faults.add(refused(TWO))
    assert two.play(two.workflow()) is Exit.FORBIDDEN
    assert places(two) == {(ONE, "first")}
    assert set(two.github.labels(1)) == UNTOUCHED
    (problem, *_) = [line["error"] for line in two.events() if "exit" in line]
    assert f"/namespaces/{TWO}/coderuns" in problem
    assert "give the service account the rendered Role" in problem


def test_a_namespace_that_cannot_be_read_does_not_hide_the_others_from_reconcile(two: Scene) -> None:
    pushed(two)
    assert two.play(two.workflow()) is Exit.DONE
    two.later(60)
    two.agent(name="late", namespace=TWO)
    two.api.backdate("coderuns", "late", created="2020-01-01T00:00:00Z", namespace=TWO)
    two.api.faults.add(refused(ONE))
    assert found(two.reconcile(dry_run=True)) == [(FindingKind.LIVE_STALE, RepairAction.REOPEN)]
    unread = [line["problem"] for line in two.events() if "could not be read" in str(line.get("event"))]
    assert [f"/namespaces/{ONE}/coderuns" in problem for problem in unread] == [True]


def interrupted(scene: Scene, *, namespace: str) -> Workflow:
    """A push whose pod died after its DELETEs, with an agent that is still there."""
    scene.kubelets[namespace].ending = Ending.DEAD_NODE
    scene.agent(name="first", namespace=namespace)
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.begin(workflow, pod="crashed")
    scene.end_pod("crashed", phase="Failed")
    return workflow


def test_a_run_whose_namespace_the_settings_no_longer_name_is_never_called_gone(two: Scene) -> None:
    workflow = interrupted(two, namespace=TWO)
    two.settings = replace(SETTINGS, namespaces=replace(SETTINGS.namespaces, agents=(ONE,)))
    assert two.attempt(workflow) is Exit.TRY_AGAIN
    assert outcomes(two)[TWO, "first"] is RunOutcome.STUCK
    assert set(two.github.labels(1)) == UNTOUCHED
    advice = "add it again until this cancellation is finished"
    assert f"namespace team-two is not in namespaces.agents any more: {advice}" in two.output.getvalue()
    two.settings = SETTINGS
    assert two.play(workflow) is Exit.DONE
    assert outcomes(two)[TWO, "first"] is RunOutcome.GONE
    assert set(two.github.labels(1)) == MOVED


def test_a_run_of_an_older_versions_record_is_in_the_first_namespace(two: Scene) -> None:
    """Its Job is known by its name alone, which says nothing without a namespace."""
    two.kubelets[ONE].ending = Ending.DEAD_NODE
    two.agent(name="first", namespace=ONE)
    two.later(5)
    job = two.api.get("coderuns", "first", namespace=ONE)["status"]["jobName"]
    two.api.patch("jobs", job, {"metadata": {"ownerReferences": None}}, namespace=ONE)
    pushed(two)
    workflow = two.workflow()
    two.begin(workflow, pod="crashed")
    two.later(2)
    two.end_pod("crashed", phase="Failed")
    assert (places(two), places(two, "jobs")) == (set(), {(ONE, job)})
    lease = two.lease()
    record = json.loads(lease["metadata"]["annotations"][RECORD])
    (agent,) = record["agents"]
    assert agent.pop("namespace") == ONE
    del agent["owned"]
    patch = {"metadata": {"annotations": {RECORD: json.dumps(record)}}}
    two.api.patch("leases", lease["metadata"]["name"], patch, namespace=HOME)
    two.later(60)
    assert two.play(workflow) is Exit.DONE
    assert places(two, "jobs") == set()
    assert outcomes(two) == {(ONE, "first"): RunOutcome.GONE}
    assert (two.record().phase, two.record().labels) == (Phase.COMPLETED, LabelOutcome.MOVED)


def test_explain_shows_the_runs_of_every_namespace(two: Scene) -> None:
    for space in (ONE, TWO):
        two.agent(name="tess", namespace=space)
    two.later(5)
    shown = preview_runs(
        REPOSITORY,
        "refs/heads/task-7-work",
        TaskId("7"),
        settings=SETTINGS,
        kube=two.kube(two.audit(), random=lambda: 0.5),
        now=two.clock.now(),
    )
    assert [(run.name, run.stopped) for run in shown.runs] == [("team-one/tess", True), ("team-two/tess", True)]
