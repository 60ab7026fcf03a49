"""How the steps of a push end: what stands in the record, the log, the state and the preview then, to the letter."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from steps.cancel import cancel
from steps.cancellation.execution import StartedExecution, finish_execution
from steps.core.errors import Exit, LockLostError
from steps.core.keys import RECORD
from steps.domain.record import LabelOutcome, Phase, dump_record
from steps.fail import fail
from steps.kube.events import EventReason
from steps.telemetry.measurements import REPORT
from tests.doubles.github import fail as github_fails
from tests.doubles.platform.runs import TESS
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene, Workflow, ago
from tests.support.scenarios import AGENTS, HOME, stale_push


def begun(scene: Scene) -> tuple[Workflow, StartedExecution]:
    """A push whose DELETEs are sent."""
    workflow = stale_push(scene)
    return workflow, scene.begin(workflow, pod="pod")


def line(scene: Scene, event: str) -> dict[str, object]:
    """The one line of the log of this kind."""
    (found,) = (each for each in scene.events() if each.get("event") == event)
    return found


# It went well.


def test_what_is_done_under_a_lease_is_logged_with_its_epoch(scene: Scene) -> None:
    assert scene.play(stale_push(scene)) is Exit.DONE
    epoch = scene.lease()["spec"]["leaseTransitions"]
    (stopped,) = (agent.name for agent in scene.record().agents)
    gone, completed = line(scene, "agents proven gone"), line(scene, "cancellation completed")
    assert (gone["epoch"], gone["count"], gone["agents"]) == (epoch, 1, [stopped])
    assert (completed["epoch"], completed["labels"]) == (epoch, "moved")


@pytest.mark.parametrize("skipped", [False, True])
def test_a_record_that_is_completed_says_when(scene: Scene, *, skipped: bool) -> None:
    workflow = stale_push(scene)
    if skipped:
        scene.github.edit_labels(1, add=["skip-automation"])
    before = scene.clock.now()
    assert scene.play(workflow) is Exit.DONE
    record = scene.record()
    assert record.phase is Phase.COMPLETED
    assert record.finished_at is not None
    assert before <= record.finished_at <= scene.clock.now()


def test_all_that_were_ended_while_they_waited_are_named(scene: Scene) -> None:
    first = stale_push(scene)
    waiting = sorted(scene.workflow(pushed_at=first.push.pushed_at).name for _ in range(2))
    assert scene.play(first) is Exit.DONE
    (event,) = scene.kubernetes_events(EventReason.COMPLETED)
    said = f"push {NEW[:12]} to task-7-work: stale runs gone: 1; labels moved; ended superseded workflows: "
    assert event["message"] == said + ", ".join(waiting)


def test_a_push_that_worked_for_the_head_leaves_no_labels_to_another_push(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    older = scene.workflow()
    scene.later(2)
    head = stale_push(scene, NEWER)
    assert scene.play(older) is Exit.DONE
    assert (scene.record().push, scene.record().labels, scene.record().left_to) == (head.push, LabelOutcome.MOVED, "")


# The Lease is lost while the agents end.


def test_a_missing_lease_is_logged(scene: Scene) -> None:
    _, started = begun(scene)
    scene.api.delete("leases", scene.lease()["metadata"]["name"], namespace=HOME)
    with pytest.raises(LockLostError, match="was deleted while it was held"):
        finish_execution(started)


def test_a_lease_of_another_holder_is_logged(scene: Scene) -> None:
    _, started = begun(scene)
    taken = {"spec": {"holderIdentity": "w/u/thief", "leaseTransitions": 9}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], taken, namespace=HOME)
    with pytest.raises(LockLostError, match="the Lease is held by w/u/thief in epoch 9"):
        finish_execution(started)
    assert scene.lease()["spec"]["holderIdentity"] == "w/u/thief"


# The exit hook.


def test_a_failure_is_in_the_state_document_and_in_the_log(scene: Scene) -> None:
    metadata = {"name": "task-7-state", "namespace": AGENTS}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"state.json": "{}"}})
    workflow = stale_push(scene)
    scene.github.fault(github_fails(403), method="GET", path="/pulls$")
    assert scene.play(workflow) is Exit.FORBIDDEN
    record = scene.record()
    assert (record.phase, len(record.errors), record.finished_at) == (Phase.FAILED, 1, scene.clock.now())
    document = json.loads(scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["data"]["state.json"])
    assert document["error_messages"] == [f"cancellation for push {NEW[:12]} to task-7-work failed: {record.errors[0]}"]
    logged = line(scene, "cancellation failed")
    assert (logged["level"], logged["attempts"], logged["last"]) == ("error", 1, record.errors[0])
    assert logged["epoch"] == scene.lease()["spec"]["leaseTransitions"]


def test_the_exit_hook_records_a_pod_that_died_without_a_log_line(scene: Scene) -> None:
    workflow, _ = begun(scene)
    scene.end_pod("pod", phase="Failed")
    scene.later(1)
    assert scene.step(fail, workflow, pod="hook") is Exit.DONE
    record = scene.record()
    assert record.errors == ("the pod ended without a reason",)
    assert (record.phase, record.finished_at) == (Phase.FAILED, scene.clock.now())


# A dry run judges as the real one would.


def previewed(scene: Scene, workflow: Workflow) -> list[str]:
    """What a dry run reports."""
    assert scene.step(cancel, workflow, pod="dry") is Exit.DONE
    return scene.measured["dry"].values[REPORT].splitlines()


def test_a_dry_run_of_a_push_that_was_answered_says_so(scene: Scene) -> None:
    first = stale_push(scene)
    assert scene.play(first) is Exit.DONE
    again = scene.workflow(pushed_at=first.push.pushed_at, dry_run=True)
    assert previewed(scene, again) == ["nothing to do: this push or a newer one is finished"]


def test_a_dry_run_that_would_stop_at_the_skip_label_says_so(scene: Scene) -> None:
    stale_push(scene)
    scene.github.edit_labels(1, add=["skip-automation"])
    (said,) = previewed(scene, scene.workflow(dry_run=True))
    assert said.endswith("labels not moved: skip label")


def on_commits(scene: Scene, *shas: str) -> None:
    """Agents whose runs say what they work on."""
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    for sha in shas:
        scene.agent(agent=TESS, name=f"on-{sha[0]}", annotations={"sha": sha})
    scene.later(5)


def test_a_dry_run_leaves_an_agent_alone_that_works_on_the_head(scene: Scene) -> None:
    on_commits(scene, OLD, NEW)
    scene.github.push("task-7-work", NEW)
    head, stale, kept = previewed(scene, scene.workflow(dry_run=True))
    assert "1 would be stopped, 1 kept; labels would be moved" in head
    assert "coderuns/on-a " in stale
    assert "coderuns/on-b " in kept


def test_a_dry_run_of_an_older_push_looks_at_the_head_of_the_pull_request(scene: Scene) -> None:
    on_commits(scene, NEWER)
    scene.github.push("task-7-work", NEWER)
    head, kept = previewed(scene, scene.workflow(sha=NEW, before=OLD, pushed_at=ago(scene.clock, 1), dry_run=True))
    assert "0 would be stopped, 1 kept" in head
    assert "coderuns/on-c " in kept


def test_a_dry_run_of_the_head_finishes_an_earlier_push_in_its_own_name(scene: Scene) -> None:
    first, _ = begun(scene)
    scene.end_pod("pod", phase="Failed")
    scene.github.push("task-7-work", NEWER)
    dry = scene.workflow(sha=NEWER, pushed_at=first.push.pushed_at, dry_run=True)
    assert previewed(scene, dry)[0].startswith(f"push {NEWER[:12]} to task-7-work: ")


def test_a_dry_run_reads_the_record_as_it_stands(scene: Scene) -> None:
    """Of an unfinished push, the watermark stays what it was."""
    first, _ = begun(scene)
    scene.end_pod("pod", phase="Failed")
    later = scene.record().watermark.replace(year=2027)
    text = dump_record(replace(scene.record(), watermark=later))
    lease = scene.lease()["metadata"]["name"]
    scene.api.patch("leases", lease, {"metadata": {"annotations": {RECORD: text}}}, namespace=HOME)
    scene.later(60)
    scene.agent(name="since")
    dry = scene.workflow(pushed_at=first.push.pushed_at, dry_run=True)
    assert any("would be stopped  coderuns/since" in said for said in previewed(scene, dry))
