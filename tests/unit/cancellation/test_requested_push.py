"""The head's own push: what is read from GitHub for a request, and for a head that reconcile submits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from steps.cancellation.requested_push import with_own_push
from steps.core.errors import BadInputError, ForbiddenError, UnavailableError
from steps.domain.push import MANUAL_ALL_REASON, MANUAL_REASON, RECONCILE_REASON, ZERO_SHA, Sha
from steps.runtime.context import StepContext
from tests.doubles.github import fail
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene
from tests.support.scenarios import activity_requests

BRANCH = "task-7-work"
BOTH = pytest.mark.parametrize("reason", [MANUAL_REASON, RECONCILE_REASON])


def given(scene: Scene, *, reason: str, sha: str = NEW, before: str = ZERO_SHA) -> StepContext:
    """A step for a push of NEW, a minute after it."""
    scene.github.push(BRANCH, NEW)
    scene.later(60)
    workflow = scene.workflow(sha=sha, before=before, pushed_at=scene.clock.now(), reason=reason)
    scene.github.calls.clear()
    return scene.context(workflow, pod="pod")


def warnings(scene: Scene) -> list[str]:
    return [line["event"] for line in scene.events() if line["level"] == "warning"]


@BOTH
def test_the_push_has_githubs_time_and_the_commit_that_it_replaced(scene: Scene, reason: str) -> None:
    context = given(scene, reason=reason)
    expected = replace(context.push, pushed_at=context.push.pushed_at - timedelta(seconds=60), before=Sha(OLD))
    assert with_own_push(context) == replace(context, push=expected)
    assert (activity_requests(scene), warnings(scene)) == (1, [])


@pytest.mark.parametrize(
    ("reason", "before"),
    [("push", ZERO_SHA), ("push", OLD), ("opened", ZERO_SHA), (RECONCILE_REASON, OLD)],
)
def test_a_push_that_github_sent_stays_as_it_is(scene: Scene, reason: str, before: str) -> None:
    context = given(scene, reason=reason, before=before)
    assert with_own_push(context) is context
    assert activity_requests(scene) == 0


def test_a_request_for_a_commit_that_was_not_pushed_is_refused(scene: Scene) -> None:
    context = given(scene, reason=MANUAL_REASON, sha=NEWER)
    said = (
        "parameters: sha: GitHub lists no push of cccccccccccc to task-7-work: push the commit first, or "
        "give the commit of the branch's latest push"
    )
    with pytest.raises(BadInputError) as refused:
        with_own_push(context)
    assert str(refused.value) == said
    assert activity_requests(scene) > 1


def test_a_head_that_github_does_not_list_keeps_the_time_of_the_earlier_push(scene: Scene) -> None:
    context = given(scene, reason=RECONCILE_REASON, sha=NEWER)
    assert with_own_push(context) == context
    assert (activity_requests(scene), warnings(scene)) == (1, [])


def test_without_access_to_contents_a_request_that_includes_newer_runs_keeps_its_time(scene: Scene) -> None:
    context = given(scene, reason=MANUAL_ALL_REASON)
    scene.github.fault(fail(403), path="/activity", times=1e9)
    assert with_own_push(context) == context
    assert "head's own push cannot be read: the time of the request counts" in warnings(scene)


def test_without_access_to_contents_any_other_request_is_refused(scene: Scene) -> None:
    context = given(scene, reason=MANUAL_REASON)
    scene.github.fault(fail(403), path="/activity", times=1e9)
    with pytest.raises(ForbiddenError, match=r"or submit with --include-newer$"):
        with_own_push(context)


@pytest.mark.parametrize("status", [403, 404])
def test_without_access_to_contents_a_head_keeps_the_time_of_the_earlier_push(scene: Scene, status: int) -> None:
    context = given(scene, reason=RECONCILE_REASON)
    scene.github.fault(fail(status), path="/activity", times=1e9)
    assert with_own_push(context) == context
    assert "head's own push cannot be read: the time of the earlier push counts" in warnings(scene)


@pytest.mark.parametrize(
    ("reason", "counts"),
    [(MANUAL_REASON, "the time of the request"), (RECONCILE_REASON, "the time of the earlier push")],
)
@pytest.mark.parametrize("unreadable", ["wait", "cancel"])
def test_while_github_cannot_be_read_the_setting_decides(
    scene: Scene, reason: str, counts: str, unreadable: Literal["wait", "cancel"]
) -> None:
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable=unreadable))
    context = given(scene, reason=reason)
    scene.github.fault(fail(502), path="/activity", times=1e9)
    if unreadable == "wait":
        with pytest.raises(UnavailableError):
            with_own_push(context)
        return
    assert with_own_push(context) == context
    assert f"GitHub cannot be read: {counts} counts" in warnings(scene)
