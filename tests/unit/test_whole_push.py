"""One push from claim to release, on the doubles: what happens, what must not, and what a retry makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from steps.cancel import cancel
from steps.children import force
from steps.claim import claim
from steps.errors import Exit
from steps.fail import fail
from steps.record import Labels, Outcome, Phase
from steps.settle import settle
from tests.doubles.argo_controller import FAILED
from tests.doubles.github import fail as github_fails
from tests.doubles.github import primary_limited, reply_lost, secondary_limited
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.controller import Cleanup
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.scene import DEFAULTS, NEW, NEWER, OLD, REPOSITORY, Scene, Workflow, ago

MOVED = {"remediation-in-progress", "task-7", "team-a"}
UNTOUCHED = {"ready-for-qa", "task-7", "team-a"}
AGENTS = DEFAULTS.namespaces.agents


def pushed(scene: Scene, sha: str = NEW) -> None:
    scene.github.push("task-7-work", sha)


def world(scene: Scene) -> tuple[object, ...]:
    """Everything that a run could have changed."""
    kinds = ("leases", "configmaps", "coderuns", "jobs")
    namespaces = (DEFAULTS.namespaces.workflows, AGENTS)
    objects = [scene.api.list(kind, namespace=namespace) for kind in kinds for namespace in namespaces]
    return (*objects, set(scene.github.labels(1)))


def test_a_push_stops_the_stale_agents_and_moves_the_labels(scene: Scene) -> None:
    stale = {scene.agent(agent=agent)["metadata"]["name"] for agent in (TESS, CLEO)}
    exempt = scene.agent(agent=REX)["metadata"]["name"]
    elsewhere = scene.agent(repository="5dlabs/other")["metadata"]["name"]
    other_task = scene.agent(task=8)["metadata"]["name"]
    scene.later(10)
    pushed(scene)
    workflow = scene.workflow()
    scene.later(2)
    newer = scene.agent(agent=TESS)["metadata"]["name"]

    assert scene.play(workflow) is Exit.DONE

    assert scene.runs() == {exempt, elsewhere, other_task, newer}
    assert set(scene.github.labels(1)) == MOVED
    record = scene.record()
    assert record.phase is Phase.COMPLETED
    assert record.labels is Labels.MOVED
    assert {agent.name for agent in record.agents if agent.outcome is Outcome.GONE} == stale
    assert record.errors == ()
    assert scene.lease()["spec"]["holderIdentity"] == ""
    assert not [line for line in scene.events() if line.get("level") == "warning"]


def test_labels_move_only_after_the_pods_are_gone(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    pods_at_label = []
    scene.github.before(
        lambda: pods_at_label.extend(scene.api.list("pods", namespace=AGENTS)), method="POST", path="/labels$"
    )
    scene.kubelet.ending, scene.kubelet.exit_after_s = Ending.AFTER, 12.0
    assert scene.play(scene.workflow()) is Exit.DONE
    assert pods_at_label == []
    assert set(scene.github.labels(1)) == MOVED


def test_the_intent_is_written_before_the_first_delete(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)
    seen = []
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=lambda _: seen.append(scene.record())))
    scene.play(scene.workflow())
    assert seen[0].phase is Phase.IN_PROGRESS
    told = [(agent.name, agent.outcome, agent.reason) for agent in seen[0].agents]
    assert told == [(name, Outcome.STOPPING, "stale")]


def test_a_push_without_agents_still_moves_the_labels(scene: Scene) -> None:
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED
    assert scene.record().agents == ()


# Repetition and order.


def test_playing_the_same_event_again_changes_nothing(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    assert scene.play(workflow) is Exit.DONE
    before = world(scene)
    scene.later(60)
    assert scene.play(workflow) is Exit.DONE
    assert world(scene) == before


def test_a_redelivery_an_hour_late_reaches_no_newer_agent(scene: Scene) -> None:
    pushed(scene)
    pushed_at = ago(scene.clock, 0)
    scene.later(3600)
    newer = scene.agent()["metadata"]["name"]
    scene.later(5)
    assert scene.play(scene.workflow(pushed_at=pushed_at)) is Exit.DONE
    assert scene.runs() == {newer}


def test_a_push_that_comes_again_while_its_own_agents_work_reaches_none_of_them(scene: Scene) -> None:
    pushed(scene)
    workflow = scene.workflow()
    assert scene.play(workflow) is Exit.DONE
    scene.later(5)
    fresh = scene.agent()["metadata"]["name"]
    scene.later(5)
    again = scene.workflow(pushed_at=workflow.push.pushed_at)
    assert scene.play(again) is Exit.DONE
    assert scene.runs() == {fresh}


def test_an_older_push_that_comes_while_the_newer_ones_agents_work_reaches_none_of_them(scene: Scene) -> None:
    pushed(scene, NEW)
    pushed_at = ago(scene.clock, 0)
    scene.later(2)
    pushed(scene, NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    scene.later(3)
    fresh = scene.agent()["metadata"]["name"]
    scene.later(3)
    assert scene.play(scene.workflow(sha=NEW, pushed_at=pushed_at)) is Exit.DONE
    assert scene.runs() == {fresh}


def test_an_older_push_that_arrives_late_is_superseded(scene: Scene) -> None:
    pushed(scene, NEWER)
    older = ago(scene.clock, 300)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    before = world(scene)
    assert scene.play(scene.workflow(sha=NEW, pushed_at=older)) is Exit.DONE
    assert world(scene) == before
    assert any("superseded" in event.get("event", "") for event in scene.events())


@pytest.mark.parametrize("order", [(NEW, NEWER), (NEWER, NEW)], ids=["in order", "out of order"])
def test_two_pushes_in_one_second_end_with_the_labels_moved(scene: Scene, order: tuple[str, str]) -> None:
    stale = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene, NEW)
    pushed(scene, NEWER)
    workflows = [scene.workflow(sha=sha) for sha in order]
    assert [scene.play(workflow) for workflow in workflows] == [Exit.DONE, Exit.DONE]
    assert stale not in scene.runs()
    assert set(scene.github.labels(1)) == MOVED
    assert scene.record().push.sha == NEWER


def test_an_older_event_finishes_what_a_newer_one_left_behind(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene, NEW)
    older = scene.workflow(sha=NEW)
    scene.later(5)
    pushed(scene, NEWER)
    scene.agent()
    newer = scene.workflow(sha=NEWER)
    assert scene.step(cancel, newer, pod="crashed") is Exit.DONE
    scene.end_pod("crashed", phase="Failed")

    assert scene.play(older) is Exit.DONE

    record = scene.record()
    assert (record.push.sha, record.phase, record.attempts) == (NEWER, Phase.COMPLETED, 2)
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == MOVED


# The pull request.


def crashed(scene: Scene, sha: str = NEW, **more: Any) -> Workflow:  # noqa: ANN401 - passed on
    """A push whose Workflow's pod was lost under way."""
    pushed(scene, sha)
    workflow = scene.workflow(sha=sha, **more)
    scene.argo.mark(workflow.name, FAILED)
    assert scene.step(cancel, workflow, pod=workflow.name) is Exit.DONE
    scene.end_pod(workflow.name, phase="Failed")
    return workflow


def test_whoever_finishes_anothers_work_and_is_the_head_itself_moves_its_own_labels(scene: Scene) -> None:
    first = crashed(scene)
    pushed(scene, NEWER)
    same_second = scene.workflow(sha=NEWER, pushed_at=first.push.pushed_at)
    assert scene.play(same_second) is Exit.DONE
    assert (scene.record().push, scene.record().labels) == (same_second.push, Labels.MOVED)


def test_whoever_finishes_anothers_work_and_is_not_the_head_leaves_it_as_that_of_the_other(scene: Scene) -> None:
    first = crashed(scene)
    between = scene.workflow(sha=NEWER, pushed_at=first.push.pushed_at)
    pushed(scene, "d" * 40)
    assert scene.play(between) is Exit.DONE
    assert (scene.record().push, scene.record().labels) == (first.push, Labels.HEAD_MOVED)
    assert scene.record().left_to == "d" * 40


def test_an_older_push_finishes_the_work_of_the_head_in_the_heads_name(scene: Scene) -> None:
    older = scene.workflow(sha=OLD, pushed_at=ago(scene.clock, 5))
    newer = crashed(scene)
    assert scene.play(older) is Exit.DONE
    assert (scene.record().push, scene.record().labels) == (newer.push, Labels.MOVED)


def test_a_head_that_moves_while_the_labels_do_is_said(scene: Scene) -> None:
    pushed(scene)
    workflow = scene.workflow()
    scene.github.before(lambda: pushed(scene, NEWER), method="POST", path="/labels$")
    assert scene.play(workflow) is Exit.DONE
    (told,) = [line for line in scene.events() if line["event"].startswith("the head moved while the labels did")]
    assert told["head"] == NEWER
    assert scene.record().errors == ()


def test_the_skip_label_stops_everything_but_the_record(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)
    scene.github.edit_labels(1, add=["skip-automation"])
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {name}
    assert set(scene.github.labels(1)) == UNTOUCHED | {"skip-automation"}
    assert (scene.record().phase, scene.record().labels) == (Phase.COMPLETED, Labels.SKIPPED)
    assert {call.method for call in scene.api.calls if "/leases" not in call.path} == {"GET"}
    assert scene.github.writes() == []


def test_once_the_skip_label_is_gone_the_same_push_can_be_played_again(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.github.edit_labels(1, add=["skip-automation"])
    workflow = scene.workflow()
    scene.play(workflow)
    scene.github.edit_labels(1, remove=["skip-automation"])
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == MOVED | set()


@pytest.mark.parametrize("how", ["closed", "merged"])
def test_without_an_open_pull_request_the_agents_are_stopped_all_the_same(scene: Scene, how: str) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.github.close(1, merged=how == "merged")
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == UNTOUCHED
    assert scene.record().labels is Labels.NO_PULL_REQUEST


def test_a_forks_branch_of_the_same_name_is_another_branch(scene: Scene) -> None:
    scene.github.add_repository("someone/cto", fork=True)
    scene.github.add_pull_request(
        head="task-7-work", sha=NEW, head_repository="someone/cto", repository=REPOSITORY, labels=["ready-for-qa"]
    )
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED
    assert set(scene.github.labels(2)) == {"ready-for-qa"}


def test_a_fork_of_the_same_owner_is_another_repository(scene: Scene) -> None:
    scene.github.add_repository("5dlabs/cto-experiments", fork=True)
    scene.github.add_pull_request(
        head="task-7-work", sha=NEW, head_repository="5dlabs/cto-experiments", repository=REPOSITORY
    )
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED
    assert scene.github.labels(2) == ()


def test_two_pull_requests_are_told_apart_by_the_tasks_label(scene: Scene) -> None:
    scene.github.add_pull_request(head="task-7-work", sha=OLD, base="release", labels=["ready-for-qa"])
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED
    assert set(scene.github.labels(2)) == {"ready-for-qa"}


def test_two_pull_requests_that_nothing_tells_apart_keep_their_labels(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    scene.github.add_pull_request(head="task-7-work", sha=OLD, base="release", labels=["ready-for-qa", "task-7"])
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == UNTOUCHED
    assert scene.record().labels is Labels.AMBIGUOUS
    (told,) = [line for line in scene.events() if line["event"].startswith("several open pull requests")]
    assert told["event"].endswith("label the right one task-7")
    assert set(told["pulls"]) == {"#1", "#2"}


def test_a_label_that_the_repository_does_not_have_is_made(scene: Scene) -> None:
    scene.github.add_repository("5dlabs/bare")
    scene.github.add_pull_request(repository="5dlabs/bare", head="task-7-work", sha=NEW)
    assert scene.play(scene.workflow(repository="5dlabs/bare")) is Exit.DONE
    assert scene.github.labels(1, repository="5dlabs/bare") == ("remediation-in-progress",)


def test_what_a_person_changes_at_the_same_moment_is_reported_and_left(scene: Scene) -> None:
    pushed(scene)
    scene.github.after(lambda: scene.github.edit_labels(1, add=["ready-for-qa", "urgent"]), method="DELETE")
    assert scene.play(scene.workflow()) is Exit.DONE
    assert {"ready-for-qa", "urgent"} <= set(scene.github.labels(1))
    assert "at the same moment" in scene.record().errors[-1]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(reply_lost(), id="the answer is lost"),
        pytest.param(github_fails(502, applied=True), id="502 after it took effect"),
        pytest.param(github_fails(503), id="503"),
        pytest.param(secondary_limited(status=403, retry_after=7), id="secondary limit"),
        pytest.param(secondary_limited(status=429, retry_after=7), id="secondary limit as 429"),
        pytest.param(primary_limited(reset_in_s=20), id="primary limit that ends soon"),
    ],
)
@pytest.mark.parametrize("call", ["GET", "POST", "DELETE"])
def test_a_passing_fault_of_github_costs_time_and_nothing_else(scene: Scene, fault: object, call: str) -> None:
    pushed(scene)
    scene.github.fault(fault, method=call)  # type: ignore[arg-type]
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED


def test_a_rate_limit_beyond_the_deadline_is_tried_again_later_without_a_delete(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.github.fault(primary_limited(reset_in_s=1800), method="GET")
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert scene.runs() == {name}
    assert scene.record().phase is Phase.FAILED
    asked = len(scene.github.calls)
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert len(scene.github.calls) == asked
    scene.later(1801)
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == set()


def test_settings_may_choose_to_cancel_though_github_is_down(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    scene.agent()
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.github.fault(github_fails(503), method="GET", times=5)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == set()
    assert scene.record().labels is Labels.UNREADABLE
    scene.later(DEFAULTS.breaker.open_s + 1)
    assert scene.play(workflow) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED


# The agents.


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


def test_an_agent_that_cannot_be_proven_gone_leaves_the_labels_and_says_so(scene: Scene) -> None:
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
    assert [agent.outcome for agent in record.agents] == [Outcome.STUCK]
    state = json.loads(scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["data"]["state.json"])
    assert state["cancellation_in_progress"] is False
    assert "failed" in state["error_messages"][-1]
    assert scene.lease()["spec"]["holderIdentity"] == ""

    scene.controller.cleanup = Cleanup.PROMPT
    assert scene.play(workflow) is Exit.DONE
    assert [agent.outcome for agent in scene.record().agents] == [Outcome.GONE]
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
    assert [agent.outcome for agent in scene.record().agents] == [Outcome.FINISHED]


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


def test_a_list_whose_pages_expire_is_tried_again_and_stops_nobody_by_halves(scene: Scene) -> None:
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


def test_no_delete_is_sent_once_the_hold_is_lost(scene: Scene) -> None:
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


def test_no_delete_is_repeated_once_the_hold_is_lost(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    pause = DEFAULTS.lease.renew_deadline_s + 1
    scene.api.faults.add(
        Fault(method="DELETE", path="/coderuns/", status=503, after=lambda _: scene.clock.sleep(pause))
    )
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert len([call for call in scene.api.calls if call.method == "DELETE"]) == 1


def test_a_pod_that_outlives_its_run_and_its_job_is_waited_for_and_forced(scene: Scene) -> None:
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
    assert scene.clock.monotonic() - began >= DEFAULTS.stop.grace_s


def test_a_pod_that_was_replaced_is_not_forced(scene: Scene) -> None:
    spec = {"containers": [{"name": "agent", "image": "agent"}]}
    metadata = {"name": "agent", "namespace": AGENTS}
    old = scene.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    scene.api.delete("pods", "agent", namespace=AGENTS, gracePeriodSeconds=0)
    new = scene.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    context = scene.context(scene.workflow(), pod="step")
    hold = context.lease().acquire(lambda _: claim(None, context=context))
    assert hold is not None
    force([old], kube=context.kube, namespace=AGENTS, hold=hold)
    assert scene.api.get("pods", "agent", namespace=AGENTS)["metadata"]["uid"] == new["metadata"]["uid"]


def test_labels_do_not_move_for_agents_that_were_not_proven_gone(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    assert scene.step(cancel, workflow, pod="proven-but-dead") is Exit.DONE
    scene.end_pod("proven-but-dead", phase="Failed")
    context = scene.context(workflow, pod="half-way")
    assert context.lease().acquire(lambda stored: claim(stored, context=context)) is not None
    assert scene.step(settle, workflow, pod="half-way") is Exit.TRY_AGAIN
    assert set(scene.github.labels(1)) == UNTOUCHED
    assert scene.record().phase is Phase.FAILED


def test_the_exit_hook_leaves_the_record_of_another_workflow_alone(scene: Scene) -> None:
    pushed(scene)
    failed = scene.workflow()
    scene.step(cancel, failed, pod="failed")
    scene.end_pod("failed", phase="Failed")
    scene.later(5)
    newer = scene.workflow(sha=NEWER)
    assert scene.step(cancel, newer, pod="at-work") is Exit.DONE
    before = scene.lease()
    assert scene.step(fail, failed, pod="exit-hook") is Exit.DONE
    assert scene.lease() == before
    assert scene.step(settle, newer, pod="at-work") is Exit.DONE


def test_a_run_that_names_the_head_is_kept(scene: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], sha="metadata.annotations.sha")
    scene.settings = replace(DEFAULTS, agents=(kind,))
    on_head = scene.agent(annotations={"sha": NEW})["metadata"]["name"]
    scene.agent(annotations={"sha": OLD})
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {on_head}


def test_a_kind_that_can_be_asked_to_stop_is_asked_before_it_is_deleted(scene: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], stop_patch={"metadata": {"annotations": {"stop": "please"}}})
    scene.settings = replace(DEFAULTS, agents=(kind,))
    polite, deaf = (scene.agent(name=name)["metadata"]["name"] for name in ("polite", "deaf"))
    scene.later(5)
    pushed(scene)

    def listen() -> None:
        run = scene.api.find("coderuns", polite, namespace=AGENTS)
        if run and run["metadata"].get("annotations", {}).get("stop"):
            for pod in scene.api.list("pods", namespace=AGENTS, fields="status.phase=Running"):
                if run["status"]["jobName"] in pod["metadata"]["name"]:
                    scene.kubelet.finish(pod["metadata"]["name"])

    scene.clock.every(listen)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {polite}
    assert {agent.name: agent.outcome for agent in scene.record().agents} == {
        polite: Outcome.FINISHED,
        deaf: Outcome.GONE,
    }


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)
    before = world(scene)
    assert scene.play(scene.workflow(dry_run=True)) is Exit.DONE
    assert world(scene) == before
    assert {call.method for call in scene.api.calls} == {"GET"}
    assert name in scene.output.getvalue()


@pytest.mark.parametrize("stale", [0, 1, 5, 20])
def test_a_cancellation_costs_a_bounded_number_of_calls(scene: Scene, stale: int) -> None:
    for _ in range(stale):
        scene.agent()
    scene.later(10)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    first_delete = next((call.sequence for call in scene.api.calls if call.method == "DELETE"), 0)
    wait = [call for call in scene.api.calls if call.query.get("limit") and call.sequence > first_delete]
    assert len(scene.api.calls) - (len(wait) if stale else 0) <= 12 + 2 * stale
    assert len(scene.github.calls) == 4 + 2, "labels; the comment is looked for, and made"
    scene.later(2)
    scene.github.calls.clear()
    pushed(scene, NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    assert len(scene.github.calls) == 4 + 1, "it is known, and edited"
