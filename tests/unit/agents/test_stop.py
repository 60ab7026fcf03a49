"""Rare cases while agents are stopped: more agents than a record can hold, refusals, and time that runs out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from steps.agents.agent_run import kind_resource
from steps.agents.decisions import decide_all
from steps.agents.graceful_stop import send_stop_patch
from steps.agents.runs import task_runs
from steps.agents.stop import finish_stop, start_stop
from steps.cancellation.claim import claim_record, measured_watermark
from steps.core.errors import ConflictError, Exit
from steps.domain import record as records
from steps.domain.agent import RunOutcome
from steps.domain.record import Record
from steps.lease.held_lease import HeldLease
from steps.runtime.context import StepContext
from steps.telemetry.audit import WriteCause
from tests.doubles.github import fail as github_fails
from tests.doubles.kubernetes import Fault
from tests.doubles.kubernetes.messages import Request
from tests.doubles.platform.controller import Cleanup
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.support.documented_kinds import JOB
from tests.support.harness import DEFAULTS, NEW, REPOSITORY, Scene, ago

AGENTS = DEFAULTS.namespaces.agents[0]
CODE_RUN = DEFAULTS.agents[0]
CODE_RUNS = kind_resource(CODE_RUN)
PLEASE = {"metadata": {"annotations": {"stop": "please"}}}

THERE = "its object still exists in phase"


def put_job(scene: Scene, name: str) -> None:
    """A Job that is itself an agent run."""
    metadata = {
        "name": name,
        "namespace": AGENTS,
        "labels": {"task-id": "7", "agent": TESS, "kind-of-work": "agent"},
        "annotations": {"repository": REPOSITORY},
    }
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "agent:1"}]}
    scene.api.create(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod}}}
    )


def working(scene: Scene) -> list[str]:
    """Names of the active pods."""
    return [pod["metadata"]["name"] for pod in scene.api.list("pods", namespace=AGENTS)]


def forced(scene: Scene) -> list[str]:
    """Names of the pods that were deleted without grace."""
    calls = [call for call in scene.api.calls if call.method == "DELETE" and "/pods/" in call.path]
    return [call.path.rpartition("/")[2] for call in calls if call.body.get("gracePeriodSeconds") == 0]


def orphan(scene: Scene, run: str) -> None:
    """Remove the owners of an agent's pod. It outlives the run and its Job, and has only the Job's label."""
    job = scene.api.get("coderuns", run, namespace=AGENTS)["status"]["jobName"]
    (pod,) = scene.api.list("pods", namespace=AGENTS, labels=f"batch.kubernetes.io/job-name={job}")
    scene.api.patch("pods", pod["metadata"]["name"], {"metadata": {"ownerReferences": None}}, namespace=AGENTS)


def pushed(scene: Scene) -> None:
    scene.later(5)
    scene.github.push("task-7-work", NEW)


@pytest.fixture
def many(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """More stale agents than a record can hold."""
    monkeypatch.setattr(records, "MAX_AGENTS", 2)
    for _ in range(5):
        scene.agent()
    pushed(scene)
    return scene


def test_with_more_agents_than_a_record_can_hold_none_is_deleted_before_it_is_recorded(many: Scene) -> None:
    unwritten: list[str] = []

    def count_recorded(request: Request) -> None:
        name = request.path.rpartition("/")[2]
        if name not in {agent.name for agent in many.record().agents if agent.outcome is RunOutcome.STOPPING}:
            unwritten.append(name)

    many.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=count_recorded, times=0))
    assert many.attempt(many.workflow()) is Exit.DONE
    assert (unwritten, many.runs()) == ([], set())


def test_with_more_agents_than_a_record_can_hold_all_are_proven_gone_before_the_labels_move(many: Scene) -> None:
    for run in many.runs():
        orphan(many, run)
    at_label: list[object] = []
    many.github.before(lambda: at_label.extend(many.api.list("pods", namespace=AGENTS)), method="POST", path="/labels$")
    assert many.play(many.workflow()) is Exit.DONE
    assert at_label == []


def exempted(scene: Scene) -> tuple[str, str]:
    """Two stale agents; the first becomes exempt right before it would be deleted."""
    kept, stale = (scene.agent(name=name)["metadata"]["name"] for name in ("kept", "stale"))
    pushed(scene)

    def exempt(_: object) -> None:
        scene.api.patch("coderuns", kept, {"spec": {"githubApp": REX}}, namespace=AGENTS)

    scene.api.faults.add(Fault(method="DELETE", path=f"/coderuns/{kept}", before=exempt))
    return kept, stale


def test_an_agent_that_becomes_exempt_before_it_is_deleted_goes_on_with_its_work(scene: Scene) -> None:
    # The other one has to be forced.
    scene.controller.grace_s, scene.kubelet.ending = 600, Ending.IGNORES
    kept, stale = exempted(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {kept}
    assert [name.partition("-")[0] for name in forced(scene)] == [stale]
    outcomes = {agent.name: (agent.outcome, agent.reason) for agent in scene.record().agents}
    assert outcomes == {
        kept: (RunOutcome.KEPT, "exempt agent"),
        stale: (RunOutcome.GONE, "object, Job and pods are gone"),
    }


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_agent_that_becomes_exempt_while_it_is_asked_to_stop_goes_on_with_its_work(scene: Scene, when: str) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE),))
    name = scene.agent()["metadata"]["name"]
    pushed(scene)

    def exempt(_: object) -> None:
        scene.api.patch("coderuns", name, {"spec": {"githubApp": REX}}, namespace=AGENTS)

    scene.api.faults.add(Fault(method="PATCH", path="/coderuns/", **{when: exempt}))  # type: ignore[arg-type]
    assert scene.play(scene.workflow()) is Exit.DONE
    assert (scene.runs(), forced(scene)) == ({name}, [])
    (agent,) = scene.record().agents
    assert (agent.outcome, agent.reason) == (RunOutcome.KEPT, "exempt agent")


@pytest.mark.parametrize("changes", [1, 3])
def test_an_agent_that_changes_while_it_is_asked_to_stop_is_asked_again(scene: Scene, changes: int) -> None:
    """The kind may not be deleted, so only the stop request can end the run."""
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE, delete=False),))
    name = scene.agent()["metadata"]["name"]
    pushed(scene)

    def change(request: Request) -> None:
        moved = {"metadata": {"annotations": {"moved": str(len(scene.api.calls))}}}
        scene.api.patch("coderuns", request.path.rpartition("/")[2], moved, namespace=AGENTS)

    def obey() -> None:
        annotations = scene.api.get("coderuns", name, namespace=AGENTS)["metadata"].get("annotations", {})
        for pod in working(scene) if annotations.get("stop") else ():
            scene.kubelet.finish(pod)

    scene.api.faults.add(Fault(method="PATCH", path="/coderuns/", before=change, times=changes))
    scene.clock.every(obey)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    asked = [call for call in scene.api.calls if call.method == "PATCH" and "/coderuns/" in call.path]
    assert len(asked) == changes + 1
    (agent,) = scene.record().agents
    assert (agent.outcome, agent.reason) == (RunOutcome.FINISHED, "asked to stop, then ended")


def test_an_agent_of_a_kind_that_may_not_be_deleted_keeps_its_pod_until_it_has_ended(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE, delete=False),))
    name = scene.agent()["metadata"]["name"]
    pushed(scene)
    workflow = scene.workflow()
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert (len(working(scene)), forced(scene)) == (1, [])
    (agent,) = scene.record().agents
    assert (agent.outcome, agent.reason) == (
        RunOutcome.STUCK,
        "its object still exists in phase Running",
    )

    # In the second attempt it stops, but not within the grace period.
    deadline = scene.clock.monotonic() + DEFAULTS.stop.grace_s + 5
    scene.clock.every(lambda: scene.kubelet.finish(working(scene)[0]) if scene.clock.monotonic() == deadline else None)
    assert scene.attempt(workflow) is Exit.DONE
    assert (scene.runs(), forced(scene)) == ({name}, [])
    (agent,) = scene.record().agents
    assert (agent.outcome, agent.reason) == (RunOutcome.FINISHED, "asked to stop, then ended")


def test_an_agent_that_is_exempt_by_the_next_attempt_goes_on_with_its_work(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    pushed(scene)
    workflow = scene.workflow()
    pause = DEFAULTS.lease.renew_deadline_s + 1
    # The state document is read after the intent is written, and before the first delete.
    scene.api.faults.add(Fault(method="GET", path="/configmaps/", after=lambda _: scene.clock.sleep(pause)))
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert [agent.outcome for agent in scene.record().agents] == [RunOutcome.STOPPING]
    scene.api.patch("coderuns", name, {"spec": {"githubApp": REX}}, namespace=AGENTS)
    assert scene.attempt(workflow) is Exit.DONE
    assert (scene.runs(), forced(scene)) == ({name}, [])
    assert [agent.outcome for agent in scene.record().agents] == [RunOutcome.KEPT]


def test_runs_of_two_kinds_of_one_resource_are_deleted_if_they_ignore_the_stop_request(scene: Scene) -> None:
    kinds = (replace(CODE_RUN, stop_patch=PLEASE, selector={"agent-type": who}) for who in ("tess", "cleo"))
    scene.settings = replace(DEFAULTS, agents=tuple(kinds))
    for agent in (TESS, CLEO):
        scene.agent(agent=agent)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


def test_an_agent_that_becomes_exempt_does_not_keep_the_others_from_being_proven_gone(scene: Scene) -> None:
    kept, stale = exempted(scene)
    orphan(scene, stale)
    at_label: list[str] = []
    scene.github.before(lambda: at_label.extend(working(scene)), method="POST", path="/labels$")
    assert scene.play(scene.workflow()) is Exit.DONE
    assert [name.partition("-")[0] for name in at_label] == [kept]


@pytest.mark.parametrize("again", [False, True], ids=["at once", "when another attempt goes on"])
def test_the_pods_of_a_namesake_are_not_forced_if_its_job_has_the_same_name(scene: Scene, *, again: bool) -> None:
    scene.settings = replace(DEFAULTS, agents=(JOB,))
    put_job(scene, "tess")
    pushed(scene)
    workflow = scene.workflow()
    scene.later(2)

    def recreate() -> None:
        if not scene.api.find("jobs", "tess", namespace=AGENTS):
            put_job(scene, "tess")

    scene.clock.every(recreate)
    if again:
        pause = DEFAULTS.lease.renew_deadline_s + 1
        scene.api.faults.add(Fault(method="DELETE", path="/jobs/", after=lambda _: scene.clock.sleep(pause)))
    assert scene.play(workflow) is Exit.DONE
    assert scene.record().attempts == (2 if again else 1)
    scene.later(2)
    assert (len(working(scene)), forced(scene)) == (1, [])


# Each write.


def test_a_delete_has_preconditions_and_foreground_propagation(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    pushed(scene)
    metadata = scene.api.get("coderuns", name, namespace=AGENTS)["metadata"]
    assert scene.attempt(scene.workflow()) is Exit.DONE
    (call,) = [call for call in scene.api.calls if call.method == "DELETE"]
    assert call.body == {
        "propagationPolicy": "Foreground",
        "preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
    }


def test_a_stop_request_that_is_refused_for_a_moment_is_sent_again_only_under_the_lease(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE),))
    scene.agent()
    pushed(scene)
    pause = DEFAULTS.lease.renew_deadline_s + 1
    refused = Fault(
        method="PATCH", path="/coderuns/", status=403, reason="Forbidden", before=lambda _: scene.clock.sleep(pause)
    )
    scene.api.faults.add(refused)
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert len([call for call in scene.api.calls if call.method == "PATCH" and "/coderuns/" in call.path]) == 1


def test_a_stop_request_that_is_refused_for_a_moment_is_sent_again(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE),))
    scene.agent()
    pushed(scene)
    scene.api.faults.add(Fault(method="PATCH", path="/coderuns/", status=403, reason="Forbidden"))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert len([call for call in scene.api.calls if call.method == "PATCH" and "/coderuns/" in call.path]) == 2


def test_an_agent_that_is_gone_before_it_is_asked_to_stop_is_proven_gone(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE, delete=False),))
    name = scene.agent()["metadata"]["name"]
    pushed(scene)
    vanish = Fault(
        method="PATCH", path="/coderuns/", before=lambda _: scene.api.delete("coderuns", name, namespace=AGENTS)
    )
    scene.api.faults.add(vanish)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert [agent.outcome for agent in scene.record().agents] == [RunOutcome.GONE]


@pytest.mark.parametrize(
    ("paused", "sent", "code"),
    [
        pytest.param(0.0, 2, Exit.DONE, id="while the Lease is held"),
        pytest.param(DEFAULTS.lease.renew_deadline_s + 1, 1, Exit.TRY_AGAIN, id="not after it was lost"),
    ],
)
def test_a_delete_that_is_refused_for_a_moment_is_sent_again_only_under_the_lease(
    scene: Scene, paused: float, sent: int, code: Exit
) -> None:
    scene.agent()
    pushed(scene)
    refused = Fault(
        method="DELETE", path="/coderuns/", status=403, reason="Forbidden", before=lambda _: scene.clock.sleep(paused)
    )
    scene.api.faults.add(refused)
    assert scene.attempt(scene.workflow()) is code
    assert len([call for call in scene.api.calls if call.method == "DELETE" and "/coderuns/" in call.path]) == sent


def test_the_lease_is_kept_while_a_delete_waits_for_a_busy_api_server(scene: Scene) -> None:
    scene.agent()
    pushed(scene)
    busy = Fault(method="DELETE", path="/coderuns/", status=429, headers={"Retry-After": "25"})
    scene.api.faults.add(busy)
    assert DEFAULTS.lease.renew_deadline_s < 25
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.record().attempts == 1


def test_the_audit_names_the_agent_that_was_asked_to_stop_and_the_deleted_one(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE),))
    scene.agent()
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    causes = [(line["cause"], line["detail"]) for line in scene.events() if line.get("resource") == str(CODE_RUNS)]
    assert causes == [(WriteCause.ASK, TESS), (WriteCause.STALE, TESS)]


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        pytest.param({}, DEFAULTS.stop.backoff_s, id="after the first pause"),
        pytest.param({"Retry-After": "7"}, 7, id="as the API server asks for"),
        pytest.param({"Retry-After": "700"}, DEFAULTS.stop.grace_s, id="but within the grace period"),
    ],
)
def test_a_delete_that_the_api_server_is_too_busy_for_is_sent_again(
    scene: Scene, headers: dict[str, str], pause_s: float
) -> None:
    scene.settings = replace(DEFAULTS, lease=replace(DEFAULTS.lease, duration_s=90, renew_deadline_s=60))
    scene.agent()
    pushed(scene)
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", status=429, headers=headers))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    first, second = (call.at for call in scene.api.calls if call.method == "DELETE")
    assert pause_s / 2 <= (second - first).total_seconds() <= pause_s


# How it ends.


def acquired(scene: Scene) -> tuple[StepContext, HeldLease, Record]:
    """The arguments of start_stop, under the Lease."""
    context = scene.context(scene.workflow(), pod="step")
    held = context.lease().acquire(lambda stored: claim_record(stored, context=context))
    assert held is not None
    watermark = measured_watermark(held.record, context=context, offset_s=0)
    return context, held, replace(held.record, watermark=watermark)


def test_the_before_callback_is_called_once(many: Scene) -> None:
    context, held, record = acquired(many)
    deleted: list[int] = []

    def before() -> None:
        deleted.append(len([call for call in many.api.calls if call.method == "DELETE"]))

    judged = decide_all(task_runs(context), record=record)
    started = start_stop(record, judged=judged, context=context, held=held, before=before)
    finish_stop(started, context=context, held=held)
    assert deleted == [0]


def test_if_stale_agents_keep_appearing_the_step_gives_up_with_an_error(scene: Scene) -> None:
    scene.agent()
    pushed(scene)
    workflow = replace(scene.workflow(), created_at=ago(scene.clock, -20))
    workflow = replace(workflow, push=replace(workflow.push, pushed_at=workflow.created_at))
    scene.github.fault(github_fails(403), path="/activity", times=99)  # it would tell the push's own time
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", after=lambda _: scene.agent(), times=0))
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert "new stale runs appeared in each of 3 rounds" in scene.record().errors[-1]


def test_an_agent_that_was_stuck_and_is_gone_at_the_next_attempt_is_proven_gone(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    pushed(scene)
    scene.controller.cleanup = Cleanup.HANGING
    workflow = scene.workflow()
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    scene.api.patch("coderuns", name, {"metadata": {"finalizers": None}}, namespace=AGENTS)
    assert scene.attempt(workflow) is Exit.DONE
    assert [agent.outcome for agent in scene.record().agents] == [RunOutcome.GONE]


def test_the_remaining_objects_of_each_agent_are_reported(scene: Scene) -> None:
    hanging, gone = (scene.agent(name=name)["metadata"]["name"] for name in ("hanging", "gone"))
    pushed(scene)
    scene.controller.cleanup = Cleanup.HANGING

    def let_go(_: object) -> None:
        scene.api.patch("coderuns", gone, {"metadata": {"finalizers": None}}, namespace=AGENTS)

    scene.api.faults.add(Fault(method="DELETE", path=f"/coderuns/{gone}", after=let_go))
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    there, proven = (
        f"{THERE} Running; its finalizers are agents.platform/cleanup",
        "object, Job and pods are gone",
    )
    assert {agent.name: agent.reason for agent in scene.record().agents} == {hanging: there, gone: proven}
    assert scene.record().errors[-1] == f"StillRunningError: {hanging}: {there}"


def test_an_agent_is_not_gone_before_its_job_is_gone(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    pushed(scene)
    job = scene.api.get("coderuns", name, namespace=AGENTS)["status"]["jobName"]
    scene.api.patch("jobs", job, {"metadata": {"finalizers": ["example.com/other"]}}, namespace=AGENTS)

    def let_go(_: object) -> None:
        scene.api.patch("coderuns", name, {"metadata": {"finalizers": None}}, namespace=AGENTS)

    scene.api.faults.add(Fault(method="DELETE", path=f"/coderuns/{name}", after=let_go))
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert (scene.runs(), working(scene)) == (set(), [])
    reason = f"its Job {job} still exists; its finalizers are example.com/other"
    assert [agent.reason for agent in scene.record().agents] == [reason]


def test_a_run_that_waits_for_its_job_names_the_finalizers_of_the_job(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    pushed(scene)
    job = scene.api.get("coderuns", name, namespace=AGENTS)["status"]["jobName"]
    scene.api.patch("jobs", job, {"metadata": {"finalizers": ["example.com/other"]}}, namespace=AGENTS)
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert scene.runs() == {name}
    held = f"its Job {job} still exists; its finalizers are example.com/other"
    assert [agent.reason for agent in scene.record().agents] == [f"{THERE} Running; {held}"]


def test_pods_that_cannot_be_deleted_are_forced_once_and_named(scene: Scene) -> None:
    names = [scene.agent(name=name)["metadata"]["name"] for name in ("one", "two")]
    pushed(scene)
    for name in names:
        orphan(scene, name)
    scene.kubelet.ending = Ending.DEAD_NODE
    pods = working(scene)
    for pod in pods:
        scene.api.patch("pods", pod, {"metadata": {"finalizers": ["example.com/other"]}}, namespace=AGENTS)
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert forced(scene) == pods
    held = "its finalizers are example.com/other"
    assert sorted(agent.reason for agent in scene.record().agents) == [f"pods still run: {pod}; {held}" for pod in pods]


def test_a_job_that_is_an_agent_and_hangs_has_no_phase(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(JOB,))
    put_job(scene, "tess")
    scene.api.patch("jobs", "tess", {"metadata": {"finalizers": ["example.com/other"]}}, namespace=AGENTS)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert [agent.reason for agent in scene.record().agents] == [f"{THERE} none; its finalizers are example.com/other"]


def test_a_deleted_agent_that_ends_while_its_controller_keeps_its_object_is_reported_as_ended(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    pushed(scene)
    scene.controller.cleanup = Cleanup.HANGING

    def finish(_: object) -> None:
        scene.api.patch("coderuns", name, {"status": {"phase": "Succeeded"}}, namespace=AGENTS, subresource="status")

    scene.api.faults.add(Fault(method="DELETE", path=f"/coderuns/{name}", after=finish))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    (agent,) = scene.record().agents
    assert agent.outcome is RunOutcome.FINISHED
    # The garbage collector has removed its own finalizer, because the Job is gone.
    held_by = "agents.platform/cleanup"
    assert agent.reason == f"deleted, then ended; its object is not removed yet; its finalizers are {held_by}"


@pytest.fixture
def obedient(scene: Scene) -> str:
    """An agent that is in a finished phase as soon as it is asked to stop, while its pod still runs."""
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE),))
    name = str(scene.agent()["metadata"]["name"])
    pushed(scene)

    def obey(_: object) -> None:
        scene.api.patch("coderuns", name, {"status": {"phase": "Succeeded"}}, namespace=AGENTS, subresource="status")

    scene.api.faults.add(Fault(method="PATCH", path="/coderuns/", after=obey))
    return name


def test_the_step_waits_for_the_pod_of_an_agent_that_stopped_on_request(scene: Scene, obedient: str) -> None:
    (pod,) = working(scene)
    ends_at = scene.clock.monotonic() + 10
    scene.clock.every(lambda: scene.kubelet.finish(pod) if scene.clock.monotonic() >= ends_at else None)
    at_label: list[float] = []
    scene.github.before(lambda: at_label.append(scene.clock.monotonic()), method="POST", path="/labels$")
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert (scene.runs(), forced(scene)) == ({obedient}, [])
    assert ends_at <= at_label[0] < ends_at + 5, "an agent that has ended is not waited for"


def test_an_agent_that_stopped_on_request_is_recorded_so_although_another_stale_one_appears(
    scene: Scene, obedient: str
) -> None:
    workflow = replace(scene.workflow(), created_at=ago(scene.clock, -20))
    workflow = replace(workflow, push=replace(workflow.push, pushed_at=workflow.created_at))
    scene.github.fault(github_fails(403), path="/activity", times=99)  # it would tell the push's own time
    late: list[str] = []
    appear = Fault(
        method="PATCH", path=f"/coderuns/{obedient}", after=lambda _: late.append(scene.agent()["metadata"]["name"])
    )
    scene.api.faults.add(appear)
    assert scene.attempt(workflow) is Exit.DONE
    outcomes = {agent.name: agent.outcome for agent in scene.record().agents}
    assert len(late) == 1
    assert outcomes[obedient] is RunOutcome.FINISHED


def test_a_further_attempt_does_not_forget_the_pod_of_an_agent_that_has_ended(scene: Scene, obedient: str) -> None:
    scene.kubelet.ending = Ending.DEAD_NODE
    (pod,) = working(scene)
    scene.api.patch("pods", pod, {"metadata": {"finalizers": ["example.com/other"]}}, namespace=AGENTS)
    workflow = scene.workflow()
    assert [scene.attempt(workflow) for _ in range(2)] == [Exit.TRY_AGAIN, Exit.TRY_AGAIN]
    assert "remediation-in-progress" not in scene.github.labels(1)
    (agent,) = scene.record().agents
    assert (agent.name, agent.outcome) == (obedient, RunOutcome.STUCK)
    assert agent.reason == f"pods still run: {pod}; its finalizers are example.com/other"


def test_a_newer_agent_that_starts_while_others_end_is_not_touched(scene: Scene) -> None:
    stale = scene.agent()["metadata"]["name"]
    pushed(scene)
    workflow = scene.workflow()
    scene.later(2)
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", after=lambda _: scene.agent()))
    assert scene.attempt(workflow) is Exit.DONE
    assert [agent.name for agent in scene.record().agents] == [stale]
    assert len(scene.runs()) == 1


def test_a_run_that_is_gone_needs_no_request_and_one_that_changed_is_judged_again(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE),))
    name = scene.agent()["metadata"]["name"]
    pushed(scene)
    context = scene.context(scene.workflow(), pod="pod")
    held = context.lease().acquire(partial(claim_record, context=context))
    assert held is not None
    (run,) = task_runs(context)
    scene.api.patch("coderuns", name, {"metadata": {"labels": {"note": "changed"}}}, namespace=AGENTS)
    assert isinstance(send_stop_patch(run, context=context, held=held), ConflictError)
    (run,) = task_runs(context)
    assert send_stop_patch(run, context=context, held=held) is None
    (run,) = task_runs(context)
    scene.api.faults.add(Fault(method="PATCH", path=f"/coderuns/{name}", status=404, reason="NotFound"))
    assert send_stop_patch(run, context=context, held=held) is None
