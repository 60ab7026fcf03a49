"""Help that fails, is terminated or dies: the push is left to its own Workflow, and the pod's own push goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from steps.cancel import cancel
from steps.cancellation.execution import start_execution
from steps.core.concurrency import run_parallel
from steps.core.errors import Exit, TerminatedError
from steps.domain.record import LabelOutcome, Phase
from steps.fail import fail
from steps.help import helper
from tests.doubles.clock import ManualClock
from tests.doubles.github import fail as github_fails
from tests.doubles.kubernetes import Fault
from tests.scenarios.help.burst import (
    MOVED,
    TASKS,
    UNTOUCHED,
    deletes,
    labels,
    pushed,
    pushed_to,
)
from tests.support.harness import NEW, NEWER, OLD, Scene
from tests.support.scenarios import AGENTS, HOME


@pytest.mark.parametrize("in_threads", [False, True], ids=["in turn", "in threads"])
def test_a_helped_push_that_fails_is_left_to_its_own_workflow(burst: Scene, *, in_threads: bool) -> None:
    burst.in_threads = in_threads
    burst.github.fault(github_fails(401), method="POST", path="/issues/2/labels$", times=1)
    workflows = pushed(burst)
    assert burst.attempt(workflows[7], pod="helper") is Exit.DONE
    record = burst.record(task=8)
    assert (record.phase, burst.lease(task=8)["spec"]["holderIdentity"]) == (Phase.IN_PROGRESS, "")
    assert f"{workflows[7].name} tried to help: " in record.errors[-1]
    assert burst.play(workflows[8]) is Exit.DONE
    record = burst.record(task=8)
    assert (record.phase, record.labels, record.helper) == (Phase.COMPLETED, LabelOutcome.MOVED, None)


def test_a_helped_push_that_fails_before_anything_is_stopped_leaves_the_record_as_it_was(burst: Scene) -> None:
    for workflow in pushed(burst).values():
        burst.attempt(workflow)
    found = burst.record(task=8)
    burst.github.fault(github_fails(401), method="GET", path="/pulls$", nth=2)
    newer = pushed(burst, NEWER)
    burst.attempt(newer[7], pod="helper")
    assert burst.record(task=8) == found
    assert burst.play(newer[8]) is Exit.DONE
    assert burst.record(task=8).push == newer[8].push


@pytest.mark.parametrize("in_threads", [False, True], ids=["in turn", "in threads"])
@pytest.mark.parametrize("request_of_the_push", ["/coderuns/", "/leases/[^/]*-task-8-"], ids=["start", "finish"])
def test_an_unexpected_error_in_a_helped_push_is_logged_and_stops_no_other_push(
    burst: Scene, request_of_the_push: str, *, in_threads: bool
) -> None:
    burst.in_threads = in_threads
    run = next(run for run in burst.api.list("coderuns", namespace=AGENTS) if run["spec"]["taskId"] == 8)
    at_the_start = request_of_the_push == "/coderuns/"

    def break_down(_: object) -> None:
        raise KeyError("a fault in the code")

    path = f"/coderuns/{run['metadata']['name']}" if at_the_start else request_of_the_push
    method, nth = ("DELETE", 1) if at_the_start else ("PUT", 2)
    burst.api.faults.add(Fault(method=method, path=path, before=break_down, nth=nth))
    workflows = pushed(burst)
    assert burst.attempt(workflows[7], pod="helper") is Exit.DONE
    assert [labels(burst, number) == MOVED for number in TASKS] == [True, False, True, True]
    (line,) = [line for line in burst.events() if line["event"].startswith("unexpected error")]
    assert (line["task"], line["error"]) == ("8", "KeyError")
    assert line["where"]
    assert "a fault in the code" not in str(line)
    assert burst.play(workflows[8]) is Exit.DONE
    assert labels(burst, 8) == MOVED


def test_a_round_that_cannot_be_finished_does_not_hold_the_helper(
    burst: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pod may start no further thread."""
    burst.in_threads = True

    def without_threads(calls: Sequence[Callable[[], object]], **options: Any) -> list[object]:  # noqa: ANN401 - passed on
        if any("finish" in str(call) for call in calls):
            raise RuntimeError("can't start new thread")
        return run_parallel(calls, **options)

    monkeypatch.setattr(helper, "run_parallel", without_threads)
    workflows = pushed(burst)
    assert burst.attempt(workflows[7], pod="helper") is Exit.DONE
    assert labels(burst, 7) == MOVED
    assert any(line["event"].startswith("unexpected error") for line in burst.events())


def test_an_unexpected_error_in_the_queue_does_not_fail_the_pods_own_push(burst: Scene) -> None:
    def break_down(_: object) -> None:
        raise KeyError("a fault in the code")

    burst.api.faults.add(Fault(method="GET", path=r"/workflows\?.*completed", before=break_down, times=0))
    workflows = pushed(burst)
    assert burst.attempt(workflows[7], pod="helper") is Exit.DONE
    assert labels(burst, 7) == MOVED
    assert any(line["event"].startswith("unexpected error") for line in burst.events())


def test_if_the_queue_cannot_be_read_the_pods_own_push_is_processed(burst: Scene) -> None:
    burst.api.faults.add(Fault(method="GET", path=r"/workflows\?", status=403, times=0))
    workflows = pushed(burst)
    assert burst.attempt(workflows[7], pod="helper") is Exit.DONE
    assert labels(burst, 7) == MOVED
    assert labels(burst, 8) == UNTOUCHED
    assert any(line["event"] == "could not help" for line in burst.events())


def test_a_github_that_is_down_for_others_does_not_delay_the_own_labels(burst: Scene) -> None:
    burst.in_threads = True
    burst.github.fault(github_fails(502), path="/issues/[234]/", times=float("inf"))
    workflows = pushed(burst)
    moved_at: list[float] = []
    burst.github.after(lambda: moved_at.append(burst.clock.monotonic()), method="DELETE", path="/issues/1/labels")
    began = burst.clock.monotonic()
    assert burst.attempt(workflows[7], pod="helper") is Exit.DONE
    assert moved_at[0] - began < 10
    assert {burst.record(task=number).phase for number in TASKS[1:]} == {Phase.IN_PROGRESS}


def test_a_helper_that_gets_sigterm_releases_every_lease(burst: Scene) -> None:
    workflows = pushed(burst)

    def stop(_: object) -> None:
        raise TerminatedError("SIGTERM")

    burst.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=stop, nth=2))
    burst.step(cancel, workflows[7], pod="helper")
    for number in TASKS[:2]:
        assert burst.lease(task=number)["spec"]["holderIdentity"] == ""


class SignalledClock:
    """The scene's clock, in a process that has received SIGTERM from some moment on."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.now, self.monotonic = clock.now, clock.monotonic
        self.received = False

    def sleep(self, seconds: float) -> None:
        """Wait, unless SIGTERM has come and no code is handling it."""
        if self.received and not isinstance(sys.exc_info()[1], TerminatedError):
            raise TerminatedError("SIGTERM")
        self._clock.sleep(seconds)


def test_a_pod_that_gets_sigterm_begins_to_help_no_further_push(burst: Scene) -> None:
    """The kubelet gives it half a minute, and hundreds of pushes may wait."""
    burst.in_threads = True
    settings = burst.settings
    burst.settings = replace(settings, help=replace(settings.help, pushes=4, parallel=2))
    numbers = range(11, 31)
    for number in numbers:
        burst.github.add_pull_request(head=f"task-{number}-work", sha=OLD, labels=["ready-for-qa"])
        burst.agent(task=number)
    burst.later(8)
    workflows = pushed(burst)
    for number in numbers:
        burst.github.push(f"task-{number}-work", NEW)
        burst.workflow(task=number, sha=NEW)
    clock = SignalledClock(burst.clock)

    def receive(_: object) -> None:
        clock.received = True

    burst.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=receive, nth=2))
    with suppress(TerminatedError):
        cancel(replace(burst.context(workflows[7], pod="helper"), clock=clock))
    assert deletes(burst) <= 1 + 2, "its own, and those that were being sent"
    leases = burst.api.list("leases", namespace=HOME)
    assert {each["spec"]["holderIdentity"] for each in leases} == {""}


def test_sigterm_while_the_helper_starts_ends_the_step_and_releases_the_lease(
    burst: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To start a thread is to wait for it, so a signal often arrives there."""

    class Interrupted(ThreadPoolExecutor):
        def submit(self, *args: Any, **options: Any) -> Future[Any]:  # noqa: ANN401 - the library's signature
            super().submit(*args, **options)
            raise TerminatedError("SIGTERM")

    burst.in_threads = True
    monkeypatch.setattr(helper, "ThreadPoolExecutor", Interrupted)
    monkeypatch.setattr(helper, "_AGAIN_S", 0.01)
    workflow = pushed_to(burst, 7)
    assert burst.step(cancel, workflow, pod="helper") is Exit.TRY_AGAIN
    assert burst.lease()["spec"]["holderIdentity"] == ""
    assert burst.record().phase is Phase.FAILED
    monkeypatch.undo()
    assert burst.play(workflow) is Exit.DONE
    assert labels(burst, 7) == MOVED


def test_a_helper_that_dies_is_succeeded_by_the_own_workflow(burst: Scene) -> None:
    workflows = pushed(burst)
    context = burst.context(workflows[7], pod="helper")
    helped = replace(context, push=workflows[8].push, workflow=workflows[8].name, helper=workflows[7].name)
    helped = replace(helped, holder=replace(context.holder, workflow_uid=workflows[8].uid))
    assert start_execution(helped) is not None
    burst.end_pod("helper", phase="Failed")
    assert burst.play(workflows[8]) is Exit.DONE
    record = burst.record(task=8)
    assert (record.phase, record.attempts, record.helper) == (Phase.COMPLETED, 2, None)


def test_the_exit_hook_of_the_helper_leaves_the_helped_records_alone(burst: Scene) -> None:
    workflows = pushed(burst)
    burst.attempt(workflows[7], pod="helper")
    before = burst.lease(task=8)
    assert burst.step(fail, workflows[7], pod="hook") is Exit.DONE
    assert burst.lease(task=8) == before
