"""What happens seldom while agents are stopped: more of them than a record holds, refusals, and time that runs out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps import record as records
from steps.errors import Exit
from steps.record import Outcome
from tests.doubles.kubernetes import Fault
from tests.doubles.kubernetes.messages import Request
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.kinds import JOB
from tests.scene import DEFAULTS, NEW, REPOSITORY, Scene

AGENTS = DEFAULTS.namespaces.agents
CODE_RUN = DEFAULTS.agents[0]
PLEASE = {"metadata": {"annotations": {"stop": "please"}}}


def put_job(scene: Scene, name: str) -> None:
    """A Job that is itself an agent's run."""
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
    """Names of the pods at work."""
    return [pod["metadata"]["name"] for pod in scene.api.list("pods", namespace=AGENTS)]


def forced(scene: Scene) -> list[str]:
    """Names of the pods that were deleted without grace."""
    calls = [call for call in scene.api.calls if call.method == "DELETE" and "/pods/" in call.path]
    return [call.path.rpartition("/")[2] for call in calls]


def orphan(scene: Scene, run: str) -> None:
    """Let an agent's pod be nobody's: it goes on when the run and its Job are gone, and has only the Job's label."""
    job = scene.api.get("coderuns", run, namespace=AGENTS)["status"]["jobName"]
    (pod,) = scene.api.list("pods", namespace=AGENTS, labels=f"batch.kubernetes.io/job-name={job}")
    scene.api.patch("pods", pod["metadata"]["name"], {"metadata": {"ownerReferences": None}}, namespace=AGENTS)


def pushed(scene: Scene) -> None:
    scene.later(5)
    scene.github.push("task-7-work", NEW)


@pytest.fixture
def many(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """More stale agents than a record holds."""
    monkeypatch.setattr(records, "MAX_AGENTS", 2)
    for _ in range(5):
        scene.agent()
    pushed(scene)
    return scene


def test_of_more_agents_than_a_record_holds_none_is_deleted_before_it_is_written_down(many: Scene) -> None:
    unwritten: list[str] = []

    def look(request: Request) -> None:
        name = request.path.rpartition("/")[2]
        if name not in {agent.name for agent in many.record().agents if agent.outcome is Outcome.STOPPING}:
            unwritten.append(name)

    many.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=look, times=0))
    assert many.attempt(many.workflow()) is Exit.DONE
    assert (unwritten, many.runs()) == ([], set())


def test_of_more_agents_than_a_record_holds_each_is_proven_gone_before_the_labels_move(many: Scene) -> None:
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
    told = {agent.name: (agent.outcome, agent.reason) for agent in scene.record().agents}
    assert told == {kept: (Outcome.KEPT, "exempt agent"), stale: (Outcome.GONE, "object, Job and pods are gone")}


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
    assert (agent.outcome, agent.reason) == (Outcome.KEPT, "exempt agent")


def test_an_agent_of_a_kind_that_may_not_be_deleted_keeps_its_pod_until_it_has_ended(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE, delete=False),))
    name = scene.agent()["metadata"]["name"]
    pushed(scene)
    workflow = scene.workflow()
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert (len(working(scene)), forced(scene)) == (1, [])
    (agent,) = scene.record().agents
    assert (agent.outcome, agent.reason) == (Outcome.STUCK, "its object is still there in phase Running")

    # In the second attempt it does as it was asked, though not within the grace period.
    deadline = scene.clock.monotonic() + DEFAULTS.stop.grace_s + 5
    scene.clock.every(lambda: scene.kubelet.finish(working(scene)[0]) if scene.clock.monotonic() == deadline else None)
    assert scene.attempt(workflow) is Exit.DONE
    assert (scene.runs(), forced(scene)) == ({name}, [])
    (agent,) = scene.record().agents
    assert (agent.outcome, agent.reason) == (Outcome.FINISHED, "asked to stop, and did")


def test_two_kinds_of_one_resource_are_both_deleted_if_they_do_not_do_as_they_are_asked(scene: Scene) -> None:
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
def test_the_pods_of_a_namesake_are_not_forced_though_its_job_is_called_the_same(scene: Scene, *, again: bool) -> None:
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
    assert (len(working(scene)), forced(scene)) == (1, [])
