"""Jobs that a run's status names and that no run owns: the garbage collector keeps them, and each restarts its pod."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.agent import Agent, RunOutcome
from steps.kube.transport import Json
from steps.telemetry.audit import WriteCause
from tests.doubles.kubernetes import Call, Fault
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import REX, TESS
from tests.support import ownership
from tests.support.documented_kinds import JOB
from tests.support.harness import DEFAULTS, REPOSITORY, Scene, Workflow
from tests.support.ownership import child, give_owners, names
from tests.support.scenarios import AGENTS, MOVED, UNTOUCHED, pushed

CODE_RUN = DEFAULTS.agents[0]
PLEASE = {"metadata": {"annotations": {"stop": "please"}}}


def only_agent(scene: Scene) -> Agent:
    (agent,) = (agent for agent in scene.record().agents if agent.name == "stale")
    return agent


def job_deletes(scene: Scene) -> list[Call]:
    return [call for call in scene.api.calls if call.method == "DELETE" and "/jobs/" in call.path]


def named(scene: Scene) -> Json:
    """The Job of the stale run, which only its status names."""
    name = scene.api.get("coderuns", "stale", namespace=AGENTS)["status"]["jobName"]
    give_owners(scene, "jobs", name)
    return scene.api.get("jobs", name, namespace=AGENTS)


def begun(scene: Scene) -> tuple[Json, Workflow]:
    """A stale run whose Job has no owner, and the Workflow of the push."""
    scene.agent(name="stale")
    scene.later(5)
    job = named(scene)
    pushed(scene)
    return job, scene.workflow()


@pytest.mark.parametrize("ending", list(Ending))
def test_a_job_that_is_only_named_is_deleted_after_the_grace_period(scene: Scene, ending: Ending) -> None:
    scene.kubelet.ending = ending
    job, workflow = begun(scene)
    there: list[str] = []
    scene.github.before(lambda: there.extend(names(scene, "pods")), method="POST", path="/labels$")
    assert scene.attempt(workflow) is Exit.DONE
    (call,) = job_deletes(scene)
    version = call.body["preconditions"].pop("resourceVersion")
    assert call.body == {"propagationPolicy": "Background", "preconditions": {"uid": job["metadata"]["uid"]}}
    assert version
    (deleted,) = (each for each in scene.api.calls if each.method == "DELETE" and "/coderuns/" in each.path)
    assert (call.at - deleted.at).total_seconds() >= DEFAULTS.stop.grace_s
    scene.later(60)
    assert (there, names(scene, "jobs"), names(scene, "pods")) == ([], set(), set())
    assert (only_agent(scene).outcome, set(scene.github.labels(1))) == (RunOutcome.GONE, MOVED)
    causes = [line["cause"] for line in scene.events() if line.get("resource") == "jobs.batch"]
    assert causes == [WriteCause.JOB]


def test_a_job_between_two_pods_counts_as_well(scene: Scene) -> None:
    """When it is read first, it has no pod, because it waits until it may start the next one."""
    _, workflow = begun(scene)
    scene.api.faults.add(
        Fault(
            method="DELETE",
            path="/coderuns/",
            before=lambda _: [
                scene.api.delete("pods", name, namespace=AGENTS, gracePeriodSeconds=0) for name in names(scene, "pods")
            ],
        )
    )
    assert scene.attempt(workflow) is Exit.DONE
    scene.later(60)
    assert (names(scene, "jobs"), names(scene, "pods")) == (set(), set())


def test_a_job_that_has_ended_stays_with_its_logs_and_costs_no_time(scene: Scene) -> None:
    job, workflow = begun(scene)
    for pod in names(scene, "pods"):
        scene.kubelet.finish(pod)
    scene.later(2)
    running = {"status": {"phase": "Running"}}
    scene.api.patch("coderuns", "stale", running, namespace=AGENTS, subresource="status")
    began = scene.clock.monotonic()
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.clock.monotonic() - began < DEFAULTS.stop.grace_s
    assert names(scene, "jobs") == {job["metadata"]["name"]}


def test_a_job_that_a_run_of_another_task_owns_is_left_alone(scene: Scene) -> None:
    """A run's status is written by its controller, and may name anything."""
    other = scene.agent(name="other", task=8)
    scene.agent(name="stale")
    scene.later(5)
    theirs = scene.api.get("coderuns", other["metadata"]["name"], namespace=AGENTS)["status"]["jobName"]
    claim = {"status": {"jobName": theirs}}
    scene.api.patch("coderuns", "stale", claim, namespace=AGENTS, subresource="status")
    pushed(scene)
    began = scene.clock.monotonic()
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.clock.monotonic() - began < DEFAULTS.stop.grace_s
    assert (scene.runs(), names(scene, "jobs")) == ({"other"}, {theirs})
    assert len(names(scene, "pods")) == 1


@pytest.mark.parametrize("when", ["before the list", "after the DELETE"])
def test_a_job_that_a_kept_run_names_as_well_belongs_to_that_run(scene: Scene, when: str) -> None:
    """A platform gives each Job of a task the same name."""
    job, workflow = begun(scene)
    scene.later(2)
    newer = scene.agent(name="newer")
    scene.later(5)

    def name(_: object = None) -> None:
        claim = {"status": {"jobName": job["metadata"]["name"]}}
        scene.api.patch("coderuns", newer["metadata"]["name"], claim, namespace=AGENTS, subresource="status")

    if when == "before the list":
        name()
    else:
        scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", after=name))
    began = scene.clock.monotonic()
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.clock.monotonic() - began < DEFAULTS.stop.grace_s
    scene.later(60)
    assert (scene.runs(), job_deletes(scene)) == ({"newer"}, [])
    assert job["metadata"]["name"] in names(scene, "jobs")
    assert len(names(scene, "pods")) == 2


def test_a_job_that_a_finished_run_names_as_well_is_that_of_the_stale_run(scene: Scene) -> None:
    job, workflow = begun(scene)
    finished = scene.agent(name="finished", agent=REX)
    scene.later(5)
    claim = {"status": {"phase": "Succeeded", "jobName": job["metadata"]["name"]}}
    scene.api.patch("coderuns", finished["metadata"]["name"], claim, namespace=AGENTS, subresource="status")
    assert scene.attempt(workflow) is Exit.DONE
    assert [call.path.rpartition("/")[2] for call in job_deletes(scene)] == [job["metadata"]["name"]]


def job_run(scene: Scene) -> str:
    """A stale run that is itself a Job; its name."""
    scene.settings = replace(DEFAULTS, agents=(JOB,))
    labels = {"task-id": "7", "agent": TESS, "kind-of-work": "agent"}
    metadata = {"name": "tests", "namespace": AGENTS, "labels": labels, "annotations": {"repository": REPOSITORY}}
    manifest = ownership.job_manifest(metadata)
    return str(scene.api.create(manifest)["metadata"]["name"])


def owning_run(scene: Scene) -> str:
    """A stale run that owns its Job and names it; the Job's name."""
    scene.agent(name="stale")
    scene.later(5)
    return str(scene.api.get("coderuns", "stale", namespace=AGENTS)["status"]["jobName"])


def naming_run(scene: Scene) -> str:
    """A stale run that only names its Job; the Job's name."""
    owning_run(scene)
    return str(named(scene)["metadata"]["name"])


@pytest.mark.parametrize("again", [False, True], ids=["at once", "when another attempt goes on"])
@pytest.mark.parametrize("owned", [False, True], ids=["without owner", "with an owner"])
@pytest.mark.parametrize("run", [job_run, owning_run, naming_run])
def test_another_systems_job_that_gets_the_name_of_a_stopped_runs_job_is_left_alone(
    scene: Scene, run: Callable[[Scene], str], *, owned: bool, again: bool
) -> None:
    """A Helm hook or a CI step makes a Job of that name as soon as it is free."""
    name = run(scene)
    scene.later(5)
    pushed(scene)
    release = [ownership.reference(ownership.task_run(scene, "release"))] if owned else []
    made: list[Json] = []

    def make() -> None:
        if not made and not scene.api.find("jobs", name, namespace=AGENTS):
            metadata = {"name": name, "namespace": AGENTS, "labels": {"app": "web"}, "ownerReferences": release}
            made.append(scene.api.create(ownership.job_manifest(metadata)))

    scene.clock.every(make)
    if again:
        pause = DEFAULTS.lease.renew_deadline_s + 1
        path = "/jobs/" if run is job_run else "/coderuns/"
        scene.api.faults.add(Fault(method="DELETE", path=path, after=lambda _: scene.clock.sleep(pause)))
    assert scene.play(scene.workflow()) is Exit.DONE
    assert (scene.record().attempts, [agent.outcome for agent in scene.record().agents]) == (
        2 if again else 1,
        [RunOutcome.GONE],
    )
    assert set(scene.github.labels(1)) == MOVED
    scene.later(60)
    (theirs,) = made
    assert [each["metadata"]["uid"] for each in scene.api.list("jobs", namespace=AGENTS)] == [theirs["metadata"]["uid"]]
    assert len(names(scene, "pods")) == 1
    uids = {call.body["preconditions"]["uid"] for call in job_deletes(scene)}
    assert theirs["metadata"]["uid"] not in uids


@pytest.mark.parametrize(("late", "left"), [(False, set()), (True, {"unseen"})], ids=["before", "some time after"])
def test_a_named_job_that_was_never_seen_belongs_to_the_run_if_it_is_older_than_the_runs_delete(
    scene: Scene, left: set[str], *, late: bool
) -> None:
    scene.agent(name="stale")
    scene.later(5)
    claim = {"status": {"jobName": "unseen"}}
    scene.api.patch("coderuns", "stale", claim, namespace=AGENTS, subresource="status")
    pushed(scene)
    asked: list[float] = []

    def make() -> None:
        there = scene.api.find("jobs", "unseen", namespace=AGENTS)
        if asked and not there and scene.clock.monotonic() >= asked[0] + (3 if late else 0) and len(asked) == 1:
            asked.append(0.0)
            ownership.job(scene, "unseen")

    def delete(_: object) -> None:
        asked.append(scene.clock.monotonic())
        make()

    scene.kubelet.ending, scene.kubelet.exit_after_s = Ending.AFTER, 10.0
    scene.clock.every(make)
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=delete))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    scene.later(60)
    assert names(scene, "jobs") == left


def test_a_job_that_something_else_owns_is_not_deleted_and_is_named(scene: Scene) -> None:
    job, workflow = begun(scene)
    owner = ownership.task_run(scene, "in-between")
    give_owners(scene, "jobs", job["metadata"]["name"], owner)
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert job_deletes(scene) == []
    expected = f"its Job {job['metadata']['name']} still exists: TaskRun in-between owns it"
    assert only_agent(scene).reason == expected
    assert set(scene.github.labels(1)) == UNTOUCHED


def test_a_job_whose_delete_is_refused_is_named_with_the_refusal(scene: Scene) -> None:
    job, workflow = begun(scene)
    scene.api.faults.add(
        Fault(method="DELETE", path="/jobs/", status=403, reason="Forbidden", message="no rights on Jobs", times=0)
    )
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    reason = only_agent(scene).reason
    assert reason.startswith(f"its Job {job['metadata']['name']} still exists: not deleted: ")
    assert set(scene.github.labels(1)) == UNTOUCHED


def change(scene: Scene, job: Json) -> None:
    note = {"metadata": {"annotations": {"changed": "true"}}}
    scene.api.patch("jobs", job["metadata"]["name"], note, namespace=AGENTS)


def adopt(scene: Scene, job: Json) -> None:
    newer = scene.agent(name="newer")
    give_owners(scene, "jobs", job["metadata"]["name"], newer)


@pytest.mark.parametrize(("happens", "deleted"), [(change, True), (adopt, False)])
def test_a_job_that_changes_before_it_is_deleted_is_looked_at_again(
    scene: Scene, happens: Callable[[Scene, Json], None], *, deleted: bool
) -> None:
    job, workflow = begun(scene)
    scene.api.faults.add(Fault(method="DELETE", path="/jobs/", before=lambda _: happens(scene, job)))
    assert scene.attempt(workflow) is Exit.DONE
    assert [call.status for call in job_deletes(scene)] == ([409, 200] if deleted else [409])
    assert (job["metadata"]["name"] in names(scene, "jobs")) is not deleted


def test_a_run_whose_named_job_owns_a_kept_run_is_kept(scene: Scene) -> None:
    job, workflow = begun(scene)
    scene.later(2)
    child(scene, job, name="newer")
    assert scene.attempt(workflow) is Exit.DONE
    assert (scene.runs(), job_deletes(scene)) == ({"stale", "newer"}, [])
    assert only_agent(scene).reason == "owns a run that is kept: newer"


@pytest.mark.parametrize("owner", ["job", "pod"])
def test_a_job_that_comes_to_own_a_kept_run_is_not_deleted(scene: Scene, owner: str) -> None:
    """Its pod is still at work, and starts another agent after the delete of its run."""
    scene.kubelet.ending = Ending.IGNORES
    job, workflow = begun(scene)
    scene.later(2)

    def start(_: object) -> None:
        (pod,) = scene.api.list("pods", namespace=AGENTS)
        child(scene, job if owner == "job" else {"apiVersion": "v1", "kind": "Pod", **pod}, name="newer")

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", after=start))
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert scene.runs() == {"newer"}
    assert job_deletes(scene) == []
    expected = f"its Job {job['metadata']['name']} still exists: it owns a run that is kept: newer"
    assert only_agent(scene).reason == expected


def test_no_job_is_deleted_after_the_lease_is_lost(scene: Scene) -> None:
    _, workflow = begun(scene)
    pause = DEFAULTS.lease.renew_deadline_s + 1

    def late(_: object) -> None:
        if scene.clock.monotonic() - began >= DEFAULTS.stop.grace_s:
            scene.clock.sleep(pause)

    began = scene.clock.monotonic()
    scene.api.faults.add(Fault(method="GET", path="/pods", after=late, times=0))
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert job_deletes(scene) == []


def test_the_job_of_a_run_that_may_not_be_deleted_is_not_deleted_either(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE, delete=False),))
    job, workflow = begun(scene)
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert (job_deletes(scene), names(scene, "jobs")) == ([], {job["metadata"]["name"]})


def test_a_job_that_a_run_names_whose_delete_was_refused_is_left_to_that_run(scene: Scene) -> None:
    """A platform gives each Job of a task the same name."""
    refused = scene.agent(name="refused")["metadata"]["name"]
    job, workflow = begun(scene)
    claim = {"status": {"jobName": job["metadata"]["name"]}}
    scene.api.patch("coderuns", refused, claim, namespace=AGENTS, subresource="status")
    fault = Fault(method="DELETE", path="/coderuns/refused", status=403, reason="Forbidden", times=99)
    scene.api.faults.add(fault)
    assert scene.attempt(workflow) is not Exit.DONE
    assert (job_deletes(scene), job["metadata"]["name"] in names(scene, "jobs")) == ([], True)
    assert len(names(scene, "pods")) == 2
    assert "refused" in scene.runs()


@pytest.mark.parametrize("loose", [True, False], ids=["only named", "owned"])
def test_the_job_of_a_run_that_has_ended_but_whose_pod_works_on_is_deleted(scene: Scene, *, loose: bool) -> None:
    """The run stays, so the garbage collector does not delete its Job, which would start the pod again."""
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE),))
    scene.kubelet.ending = Ending.IGNORES
    scene.agent(name="stale")
    scene.later(5)
    if loose:
        named(scene)
    pushed(scene)

    def obey(_: object) -> None:
        done = {"status": {"phase": "Succeeded"}}
        scene.api.patch("coderuns", "stale", done, namespace=AGENTS, subresource="status")

    scene.api.faults.add(Fault(method="PATCH", path="/coderuns/", after=obey))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    scene.later(60)
    assert (scene.runs(), names(scene, "jobs"), names(scene, "pods")) == ({"stale"}, set(), set())
