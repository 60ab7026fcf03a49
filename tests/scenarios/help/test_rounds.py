"""Help: one pod processes the pushes of other tasks that wait for a pod, in rounds."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from steps.cancel import cancel
from steps.core.errors import Exit
from steps.domain.record import LabelOutcome, Phase
from steps.help import helper
from steps.telemetry.measurements import REPORT, CancellationResult, Measure
from tests.doubles.argo_controller import RUNNING
from tests.doubles.github import fail as github_fails
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.kubelet import Ending
from tests.scenarios.help.burst import (
    MOVED,
    TASKS,
    UNTOUCHED,
    deletes,
    held_by_others,
    labels,
    pull_request,
    pushed,
    pushed_to,
    rounds,
)
from tests.support.harness import DEFAULTS, NEWER, Scene
from tests.support.scenarios import AGENTS, HOME


@pytest.mark.parametrize("in_threads", [False, True], ids=["in turn", "in threads"])
def test_one_pod_processes_the_pushes_of_all_tasks_that_wait(burst: Scene, *, in_threads: bool) -> None:
    burst.in_threads = in_threads
    workflows = pushed(burst)
    assert burst.attempt(workflows[7], pod="helper") is Exit.DONE
    assert burst.runs() == set()
    for number in TASKS:
        record = burst.record(task=number)
        assert (record.phase, record.labels, record.attempts) == (Phase.COMPLETED, LabelOutcome.MOVED, 1)
        assert (record.workflow, record.workflow_uid) == (workflows[number].name, workflows[number].uid)
        assert record.helper == (None if number == 7 else workflows[7].name)
        assert labels(burst, number) == MOVED
        assert burst.lease(task=number)["spec"]["holderIdentity"] == ""


def test_a_helped_workflow_finds_its_push_done_and_reports_its_numbers(burst: Scene) -> None:
    workflows = pushed(burst)
    burst.attempt(workflows[7], pod="helper")
    record = burst.record(task=8)
    burst.later(20)
    burst.api.calls.clear()
    assert burst.attempt(workflows[8], pod="helped") is Exit.DONE
    assert burst.record(task=8) == record
    assert {call.method for call in burst.api.calls if "/pods/" not in call.path and "/workflows" not in call.path} == {
        "GET"
    }
    found = burst.measured["helped"].values
    assert found[Measure.OUTCOME] == CancellationResult.COMPLETED
    assert (found[Measure.STOPPED], float(found[Measure.GONE_S]) > 0) == ("1.000", True)
    assert "1 stopped, 0 kept; labels moved" in found[REPORT]
    assert f"by the pod of {workflows[7].name}" in found[REPORT]


def test_lines_events_and_comment_name_the_pushs_own_workflow_and_the_helper(burst: Scene) -> None:
    workflows = pushed(burst)
    burst.attempt(workflows[7], pod="helper")
    own, helper = workflows[8].name, workflows[7].name
    lines = [line for line in burst.events() if line.get("task") == "8" and line.get("event") != "dry run"]
    assert lines
    assert all((line["workflow"], line["helper"]) == (own, helper) for line in lines)
    writes = [line for line in lines if line["event"] == "audit"]
    assert {line["correlation_id"] for line in writes} == {workflows[8].push.correlation_id}
    (comment,) = burst.github.comments(pull_request(8))
    assert own in comment.body
    assert helper in comment.body
    events = [each for each in burst.kubernetes_events() if own in each["message"]]
    assert events


def test_all_deletes_are_sent_before_any_run_is_waited_for(burst: Scene) -> None:
    burst.kubelet.ending, burst.kubelet.exit_after_s = Ending.AFTER, 10.0
    burst.in_threads = True
    own = next(run for run in burst.api.list("coderuns", namespace=AGENTS) if run["spec"]["taskId"] == 7)
    burst.api.delete("coderuns", own["metadata"]["name"], namespace=AGENTS)
    burst.later(15)
    workflows = pushed(burst)
    burst.api.calls.clear()
    burst.attempt(workflows[7], pod="helper")
    sent = [call.at for call in burst.api.calls if call.method == "DELETE" and "/coderuns/" in call.path]
    assert len(sent) == 3
    assert sent[-1] - sent[0] < timedelta(seconds=5)


def test_a_task_whose_lease_is_held_is_skipped_at_once(burst: Scene) -> None:
    workflows = pushed(burst)
    started = burst.begin(workflows[8], pod="at-work")
    began = burst.clock.monotonic()
    assert burst.attempt(workflows[7], pod="helper") is Exit.DONE
    assert burst.clock.monotonic() - began < 30
    assert burst.record(task=8).helper is None
    assert started.held.epoch == burst.lease(task=8)["spec"]["leaseTransitions"]
    assert burst.record(task=9).helper == workflows[7].name


def test_a_push_whose_own_workflow_has_begun_is_left_to_it(burst: Scene) -> None:
    burst.github.fault(github_fails(502), method="POST", path="/issues/2/labels$", times=50)
    workflows = pushed(burst)
    burst.attempt(workflows[8], pod="own")
    assert burst.record(task=8).phase is Phase.FAILED
    burst.attempt(workflows[7], pod="helper")
    assert (burst.record(task=8).phase, burst.record(task=8).helper) == (Phase.FAILED, None)


def test_a_push_that_is_finished_is_not_helped_to_look_at_its_labels_again(burst: Scene) -> None:
    burst.github.close(pull_request(8))
    workflows = pushed(burst)
    assert burst.attempt(workflows[8], pod="own") is Exit.DONE
    again = burst.workflow(task=8, pushed_at=workflows[8].push.pushed_at)
    record = burst.record(task=8)
    assert record.labels is LabelOutcome.NO_PULL_REQUEST
    burst.attempt(workflows[7], pod="helper")
    assert burst.record(task=8) == record
    assert burst.play(again) is Exit.DONE


@pytest.mark.parametrize("spec", [{"suspend": True}, {"shutdown": "Stop"}], ids=["suspended", "stopped"])
def test_a_workflow_that_a_person_holds_back_is_not_helped(burst: Scene, spec: dict[str, object]) -> None:
    workflows = pushed(burst)
    burst.api.patch("workflows", workflows[8].name, {"spec": spec}, namespace=HOME)
    burst.attempt(workflows[7], pod="helper")
    assert labels(burst, 8) == UNTOUCHED
    assert labels(burst, 9) == MOVED


def test_a_dry_run_is_not_helped_and_helps_no_other_push(burst: Scene) -> None:
    dry = burst.workflow(task=8, dry_run=True)
    workflows = pushed(burst)
    burst.api.delete("workflows", workflows[8].name, namespace=HOME)
    assert burst.attempt(dry, pod="dry") is Exit.DONE
    assert deletes(burst) == 0
    burst.attempt(workflows[7], pod="helper")
    assert labels(burst, 8) == UNTOUCHED


def test_help_can_be_switched_off(burst: Scene) -> None:
    burst.settings = replace(DEFAULTS, help=replace(DEFAULTS.help, pushes=0))
    workflows = pushed(burst)
    burst.attempt(workflows[7], pod="alone")
    assert deletes(burst) == 1


def test_a_pod_helps_as_many_at_the_same_time_as_the_setting_says_the_oldest_first(burst: Scene) -> None:
    burst.in_threads = True
    burst.settings = replace(DEFAULTS, help=replace(DEFAULTS.help, pushes=2))
    workflows = pushed(burst)
    seen: list[list[str]] = []

    def look(_: object) -> None:
        seen.append(held_by_others(burst, own=10))

    burst.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=look, times=0))
    burst.attempt(workflows[10], pod="helper")
    assert [labels(burst, number) for number in TASKS] == [MOVED] * 4
    assert max(len(held) for held in seen) <= 2
    first = {name for held in seen[:3] for name in held}
    assert not any("-task-9-" in name for name in first)


def test_a_pod_that_has_helped_for_long_enough_begins_no_further_help(burst: Scene) -> None:
    burst.settings = replace(DEFAULTS, help=replace(DEFAULTS.help, longest_s=5, parallel=1))
    burst.kubelet.ending, burst.kubelet.exit_after_s = Ending.AFTER, 7.0
    workflows = pushed(burst)
    burst.api.calls.clear()
    burst.attempt(workflows[10], pod="helper")
    assert [labels(burst, number) == MOVED for number in TASKS] == [False, False, False, True]
    assert rounds(burst) == 0
    for number in TASKS[:3]:
        assert burst.attempt(workflows[number], pod=f"own-{number}") is Exit.DONE


def test_a_push_that_comes_while_agents_end_is_helped_before_they_have_ended(burst: Scene) -> None:
    burst.in_threads = True
    runs = {run["spec"]["taskId"]: run["metadata"]["name"] for run in burst.api.list("coderuns", namespace=AGENTS)}
    started, found = threading.Event(), []
    later = Fault(method="DELETE", path=f"/coderuns/{runs[8]}", after=lambda _: pushed_to(burst, 9))
    stopped = Fault(method="DELETE", path=f"/coderuns/{runs[9]}", before=lambda _: started.set())
    # No run is proven gone without a look at the pods.
    look = Fault(method="GET", path="/pods", before=lambda _: found.append(started.wait(5)), times=0)
    for fault in (later, stopped, look):
        burst.api.faults.add(fault)
    own, _ = pushed_to(burst, 7), pushed_to(burst, 8)
    assert burst.attempt(own, pod="helper") is Exit.DONE
    assert found
    assert all(found)
    assert [labels(burst, number) == MOVED for number in TASKS] == [True, True, True, False]


def test_a_push_is_helped_as_soon_as_there_is_room_although_another_one_is_not_finished(burst: Scene) -> None:
    burst.in_threads = True
    burst.settings = replace(DEFAULTS, help=replace(DEFAULTS.help, pushes=2))
    runs = {run["spec"]["taskId"]: run["metadata"]["name"] for run in burst.api.list("coderuns", namespace=AGENTS)}
    started, found = threading.Event(), []
    last = Fault(method="DELETE", path=f"/coderuns/{runs[10]}", before=lambda _: started.set())
    burst.api.faults.add(last)
    burst.github.after(lambda: found.append(started.wait(5)), method="DELETE", path=f"/issues/{pull_request(8)}/labels")
    workflows = pushed(burst)
    assert burst.attempt(workflows[7], pod="helper") is Exit.DONE
    assert found == [True]
    assert [labels(burst, number) for number in TASKS] == [MOVED] * 4


def test_a_push_that_comes_while_the_pod_waits_for_long_is_helped_meanwhile(
    burst: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread had found no other push. The pod waits for its own agents, or for Argo."""
    burst.in_threads = True
    monkeypatch.setattr(helper, "_AGAIN_S", 0.05)
    runs = {run["spec"]["taskId"]: run["metadata"]["name"] for run in burst.api.list("coderuns", namespace=AGENTS)}
    started, found = threading.Event(), []
    burst.api.faults.add(Fault(method="DELETE", path=f"/coderuns/{runs[8]}", before=lambda _: started.set()))

    def wait() -> None:
        pushed_to(burst, 8)
        found.append(started.wait(5))

    burst.github.before(wait, method="DELETE", path=f"/issues/{pull_request(7)}/labels")
    assert burst.attempt(pushed_to(burst, 7), pod="helper") is Exit.DONE
    assert found == [True]
    assert labels(burst, 8) == MOVED


def test_of_two_pushes_to_one_task_the_newest_is_helped_and_the_older_one_is_ended(burst: Scene) -> None:
    first = pushed(burst)
    burst.argo.mark(first[8].name, RUNNING)  # it has the mutex, and waits for its pod
    older = pushed(burst, f"{99:040x}")
    newer = pushed(burst, NEWER)
    burst.attempt(newer[7], pod="helper")
    assert burst.record(task=8).push == newer[8].push
    burst.later(11)
    assert burst.api.get("workflows", older[8].name, namespace=HOME)["status"]["phase"] == "Failed"
    assert burst.argo.abandoned() == []
    assert burst.attempt(newer[8], pod="own") is Exit.DONE


def test_a_skip_label_on_a_helped_push_stops_nothing_there(burst: Scene) -> None:
    burst.github.edit_labels(pull_request(8), add=["skip-automation"])
    workflows = pushed(burst)
    burst.attempt(workflows[7], pod="helper")
    assert (burst.record(task=8).labels, burst.record(task=8).agents) == (LabelOutcome.SKIPPED, ())
    assert labels(burst, 8) == UNTOUCHED
    assert len(burst.runs()) == 1


def test_a_push_that_waits_behind_the_pods_own_push_is_helped_by_the_same_pod(burst: Scene) -> None:
    """Its Workflow waits for the mutex that this pod's Workflow has."""
    first = pushed(burst)
    burst.argo.mark(first[7].name, RUNNING)
    burst.github.after(lambda: pushed(burst, NEWER), method="DELETE", path="/issues/1/labels")
    assert burst.step(cancel, first[7], pod="helper") is Exit.DONE
    assert burst.record().push.sha == NEWER
    assert burst.record().helper == first[7].name
