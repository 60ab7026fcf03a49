"""How stale agents end, and the objects that are not touched meanwhile."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from steps.agents.dependents import force_delete_pods
from steps.agents.owned_object import read_object
from steps.cancellation.claim import claim_record
from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from steps.domain.record import Phase
from steps.kube.resources import PODS
from tests.doubles.github import fail as github_fails
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.controller import Cleanup
from tests.doubles.platform.kubelet import Ending
from tests.support.harness import DEFAULTS, NEW, OLD, Scene, ago
from tests.support.scenarios import AGENTS, MOVED, UNTOUCHED, pushed


@pytest.mark.parametrize("ending", [Ending.IGNORES, Ending.DEAD_NODE], ids=["ignores SIGTERM", "on a dead node"])
def test_an_agent_that_does_not_end_is_forced(scene: Scene, ending: Ending) -> None:
    scene.controller.grace_s = 600
    scene.kubelet.ending = ending
    scene.agent()
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.api.list("pods", namespace=AGENTS) == []
    assert set(scene.github.labels(1)) == MOVED


def test_if_an_agent_cannot_be_proven_gone_the_step_fails_and_labels_do_not_move(scene: Scene) -> None:
    document = {"data": {"state.json": json.dumps({"status": "InProgress"})}}
    where = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "task-7-state", "namespace": AGENTS}}
    scene.api.create(where | document)
    scene.agent()
    scene.later(5)
    scene.controller.cleanup = Cleanup.HANGING
    pushed(scene)
    workflow = scene.workflow()
    assert scene.play(workflow, attempts=2) is Exit.TRY_AGAIN
    assert set(scene.github.labels(1)) == UNTOUCHED
    record = scene.record()
    assert (record.phase, record.attempts) == (Phase.FAILED, 2)
    assert [agent.outcome for agent in record.agents] == [RunOutcome.STUCK]
    state = json.loads(scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["data"]["state.json"])
    assert state["cancellation_in_progress"] is False
    assert "failed" in state["error_messages"][-1]
    assert scene.lease()["spec"]["holderIdentity"] == ""

    scene.controller.cleanup = Cleanup.PROMPT
    assert scene.play(workflow) is Exit.DONE
    assert [agent.outcome for agent in scene.record().agents] == [RunOutcome.GONE]
    assert set(scene.github.labels(1)) == MOVED


def test_an_agent_that_finishes_by_itself_meanwhile_is_not_deleted(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)

    def finish(_: object) -> None:
        scene.api.patch("coderuns", name, {"status": {"phase": "Succeeded"}}, namespace=AGENTS, subresource="status")

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=finish))
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {name}
    assert [agent.outcome for agent in scene.record().agents] == [RunOutcome.FINISHED]


def test_an_agent_whose_status_changes_meanwhile_is_judged_again_and_stopped(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)

    def touch(_: object) -> None:
        scene.api.patch("coderuns", name, {"status": {"message": "busy"}}, namespace=AGENTS, subresource="status")

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=touch))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


def test_an_agent_recreated_under_the_same_name_is_not_touched(scene: Scene) -> None:
    name = scene.agent(name="tess")["metadata"]["name"]
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.later(2)

    def recreate(_: object) -> None:
        scene.api.patch("coderuns", name, {"metadata": {"finalizers": None}}, namespace=AGENTS)
        scene.api.delete("coderuns", name, namespace=AGENTS)
        scene.agent(name="tess")

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=recreate))
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == {"tess"}


def test_a_stale_agent_that_appears_while_others_end_is_stopped_as_well(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    workflow = replace(scene.workflow(), created_at=ago(scene.clock, -20))
    workflow = replace(workflow, push=replace(workflow.push, pushed_at=workflow.created_at))

    def start_another(_: object) -> None:
        scene.agent()

    scene.github.fault(github_fails(403), path="/activity", times=99)  # it would tell the push's own time
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", after=start_another))
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == set()
    assert len(scene.record().agents) == 2


def test_runs_on_every_page_of_a_list_are_found(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, kubernetes=replace(DEFAULTS.kubernetes, page=1))
    for _ in range(3):
        scene.agent()
    scene.later(5)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


def test_a_list_whose_pages_expire_is_repeated_before_any_run_is_stopped(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, kubernetes=replace(DEFAULTS.kubernetes, page=1))
    names = {scene.agent()["metadata"]["name"] for _ in range(3)}
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.api.faults.add(Fault(method="GET", path="coderuns.*continue=", status=410, reason="Expired", times=3))
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert scene.runs() == names
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == set()


def test_a_run_without_a_status_counts_as_not_started_and_is_stopped(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


@pytest.mark.parametrize("lose", ["request", "reply"])
def test_a_delete_whose_connection_breaks_is_repeated(scene: Scene, lose: str) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", lose=lose))  # type: ignore[arg-type]
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


def test_no_delete_is_sent_after_the_lease_is_lost(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)
    pause = DEFAULTS.lease.renew_deadline_s + 1
    scene.api.faults.add(Fault(method="GET", path="/jobs", after=lambda _: scene.clock.sleep(pause)))
    workflow = scene.workflow()
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert scene.runs() == {name}
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == set()


def test_no_delete_is_repeated_after_the_lease_is_lost(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    pause = DEFAULTS.lease.renew_deadline_s + 1
    scene.api.faults.add(
        Fault(method="DELETE", path="/coderuns/", status=503, after=lambda _: scene.clock.sleep(pause))
    )
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert len([call for call in scene.api.calls if call.method == "DELETE"]) == 1


@pytest.mark.parametrize("ending", [Ending.AT_ONCE, Ending.AFTER, Ending.DEAD_NODE])
def test_a_pod_that_outlives_its_run_and_its_job_is_asked_to_end_waited_for_and_forced(
    scene: Scene, ending: Ending
) -> None:
    scene.kubelet.ending, scene.kubelet.exit_after_s = ending, 5.0
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    job = scene.api.get("coderuns", name, namespace=AGENTS)["status"]["jobName"]
    scene.api.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "outlives",
                "namespace": AGENTS,
                "labels": {"batch.kubernetes.io/job-name": job},
            },
            "spec": {"containers": [{"name": "agent", "image": "agent"}]},
        }
    )
    pushed(scene)
    pods_at_label: list[object] = []
    scene.github.before(
        lambda: pods_at_label.extend(scene.api.list("pods", namespace=AGENTS)), method="POST", path="/labels$"
    )
    began = scene.clock.monotonic()
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert pods_at_label == []
    # First the pod of the run ends, then this one.
    shortest = {Ending.AT_ONCE: 0.0, Ending.AFTER: 10.0, Ending.DEAD_NODE: DEFAULTS.stop.grace_s}
    assert shortest[ending] <= scene.clock.monotonic() - began <= shortest[ending] + 5


def test_a_pod_that_was_replaced_is_not_forced(scene: Scene) -> None:
    spec = {"containers": [{"name": "agent", "image": "agent"}]}
    metadata = {"name": "agent", "namespace": AGENTS}
    old = scene.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    scene.api.delete("pods", "agent", namespace=AGENTS, gracePeriodSeconds=0)
    new = scene.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    context = scene.context(scene.workflow(), pod="step")
    held = context.lease().acquire(lambda _: claim_record(None, context=context))
    assert held is not None
    force_delete_pods([read_object(old, resource=PODS)], kube=context.clients.kube, held=held)
    assert scene.api.get("pods", "agent", namespace=AGENTS)["metadata"]["uid"] == new["metadata"]["uid"]


def test_labels_do_not_move_for_agents_that_were_not_proven_gone(scene: Scene) -> None:
    run = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.api.patch("coderuns", run, {"metadata": {"finalizers": ["example.com/blocked"]}}, namespace=AGENTS)
    assert scene.attempt(workflow, pod="half-way") is Exit.TRY_AGAIN
    assert set(scene.github.labels(1)) == UNTOUCHED
    assert scene.record().phase is Phase.FAILED


def test_a_run_that_names_the_head_is_kept(scene: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], sha="metadata.annotations.sha")
    scene.settings = replace(DEFAULTS, agents=(kind,))
    on_head = scene.agent(annotations={"sha": NEW})["metadata"]["name"]
    scene.agent(annotations={"sha": OLD})
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {on_head}


def test_a_run_of_a_kind_with_a_stop_patch_is_asked_to_stop_before_its_delete(scene: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], stop_patch={"metadata": {"annotations": {"stop": "please"}}})
    scene.settings = replace(DEFAULTS, agents=(kind,))
    obeying, ignoring = (scene.agent(name=name)["metadata"]["name"] for name in ("obeying", "ignoring"))
    scene.later(5)
    pushed(scene)

    def listen() -> None:
        run = scene.api.find("coderuns", obeying, namespace=AGENTS)
        if run and run["metadata"].get("annotations", {}).get("stop"):
            for pod in scene.api.list("pods", namespace=AGENTS, fields="status.phase=Running"):
                if run["status"]["jobName"] in pod["metadata"]["name"]:
                    scene.kubelet.finish(pod["metadata"]["name"])

    scene.clock.every(listen)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {obeying}
    assert {agent.name: agent.outcome for agent in scene.record().agents} == {
        obeying: RunOutcome.FINISHED,
        ignoring: RunOutcome.GONE,
    }
