"""GitHub's list of a branch's pushes: what it says of a head, and of two pushes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from steps.cancellation.claim import claim_record
from steps.core.errors import UnavailableError
from steps.domain.label_decision import LabelPlan
from steps.domain.push import Sha
from steps.domain.record import LabelOutcome, PullRequest, Record
from steps.pull_request.push_history import is_newer_head, is_newer_push, list_pushes, with_true_head
from steps.runtime.context import StepContext
from tests.doubles.github import fail
from tests.support.harness import NEW, NEWER, OLD, Scene

BRANCH = "task-7-work"
OLDER_HEAD = "GitHub still shows an older head: the push counts as the head"
FORCED_BACK = "branch was forced back to an older commit, waiting for its push"
UNREAD = "pushes of the branch cannot be read: the commits decide which is newer"


def pushed(scene: Scene, *commits: str) -> StepContext:
    """Commits that are pushed one after the other, and a step for the push of NEW."""
    for sha in commits:
        scene.later(10)
        scene.github.push(BRANCH, sha, forced=True)
        if sha == NEW:
            workflow = scene.workflow(sha=NEW, before=OLD)
    return scene.context(workflow, pod="pod")


def newer_head(context: StepContext, head: str, *, known_older: bool) -> bool:
    github = context.clients.github(lambda: None)
    return is_newer_head(head, push=context.push, known_older=known_older, github=github, log=context.log)


def logged(scene: Scene) -> list[str]:
    return [line["event"] for line in scene.events()]


@pytest.mark.parametrize(
    ("commits", "head", "known_older", "newer", "event"),
    [
        ((NEW, NEWER), NEWER, False, True, ""),
        ((NEW, OLD), OLD, True, True, FORCED_BACK),
        ((NEW,), OLD, True, False, OLDER_HEAD),
        ((NEW,), OLD, False, False, OLDER_HEAD),
        ((NEW,), "e" * 40, False, True, ""),
        ((NEW,), "e" * 40, True, False, OLDER_HEAD),
    ],
    ids=["pushed later", "forced back", "replaced", "replaced and not recorded", "not listed", "older and not listed"],
)
def test_the_list_says_whether_the_head_is_newer_and_otherwise_the_commits_do(
    scene: Scene, commits: tuple[str, ...], head: str, event: str, *, known_older: bool, newer: bool
) -> None:
    context = pushed(scene, *commits)
    assert newer_head(context, head, known_older=known_older) is newer
    assert logged(scene) == ([event] if event else [])
    assert all(line["head"] == head for line in scene.events())
    assert [line["push"] for line in scene.events() if line["event"] == OLDER_HEAD] == [NEW] * (event == OLDER_HEAD)


@pytest.mark.parametrize("status", [403, 404])
def test_a_list_that_is_not_permitted_is_empty_and_a_warning_says_so(scene: Scene, status: int) -> None:
    context = pushed(scene, NEW)
    scene.github.fault(fail(status), path="/activity", times=1e9)
    github = context.clients.github(lambda: None)
    assert list_pushes(context.push, github=github, log=context.log) == ()
    (warned,) = (line for line in scene.events() if line["event"] == UNREAD)
    assert "5dlabs/cto" in warned["problem"]


def test_a_list_that_does_not_come_is_not_empty(scene: Scene) -> None:
    context = pushed(scene, NEW)
    scene.github.fault(fail(502), path="/activity", times=1e9)
    with pytest.raises(UnavailableError):
        list_pushes(context.push, github=context.clients.github(lambda: None), log=context.log)


@pytest.mark.parametrize(
    ("commits", "known", "newer"),
    [
        ((NEW, NEWER), (NEW, NEWER), False),
        ((NEWER, NEW), (OLD, NEWER), True),
        ((NEW, NEWER, NEW), (NEW, NEWER), False),
        ((NEW,), (NEWER, "e" * 40), None),
    ],
    ids=["listed before", "listed after", "its commit came again", "the other is not listed"],
)
def test_the_list_says_which_of_two_pushes_is_newer(
    scene: Scene, commits: tuple[str, ...], known: tuple[str, str], *, newer: bool | None
) -> None:
    context = pushed(scene, *commits)
    before, sha = known
    other = scene.workflow(sha=sha, before=before).push
    if newer:
        context = replace(context, push=replace(context.push, before=Sha(commits[commits.index(NEW) - 1])))
    github = context.clients.github(lambda: None)
    assert is_newer_push(context.push, known=other, github=github, log=context.log) is newer
    (line,) = (each for each in scene.events() if "doubtful" in each["event"])
    assert (line["event"], line["known"], line["newer"]) == (
        "order of two pushes is doubtful: read GitHub's list of pushes",
        sha,
        newer,
    )


def test_a_commit_that_is_listed_after_the_known_push_is_newer_although_its_own_push_is_not_found(scene: Scene) -> None:
    """A head that reconcile submits names another commit before it than the list does."""
    context = pushed(scene, NEW, NEWER)
    at = context.push.pushed_at + timedelta(seconds=10)
    late = replace(context.push, sha=Sha(NEWER), before=Sha("d" * 40), pushed_at=at)
    github = context.clients.github(lambda: None)
    assert is_newer_push(late, known=context.push, github=github, log=context.log) is True


# The plan with the true head.


def planned(scene: Scene, plan: LabelPlan, *commits: str) -> tuple[Record, LabelPlan]:
    context = pushed(scene, *commits)
    record = claim_record(None, context=context)
    assert record is not None
    github = context.clients.github(lambda: None)
    return record, with_true_head(plan, record=record, github=github, log=context.log)


def shown(head: str) -> PullRequest:
    return PullRequest(number=1, head_sha=head, labels=("ready-for-qa",))


@pytest.mark.parametrize(
    "plan",
    [
        LabelPlan(labels=LabelOutcome.PENDING, pull_request=shown(NEW)),
        LabelPlan(labels=LabelOutcome.NO_PULL_REQUEST),
        LabelPlan(labels=LabelOutcome.HEAD_MOVED, left_to=NEWER),
    ],
)
def test_a_plan_without_another_head_or_pull_request_stays(scene: Scene, plan: LabelPlan) -> None:
    assert planned(scene, plan, NEW)[1] is plan
    assert not any("/activity" in call.path for call in scene.github.calls)


def test_an_older_head_counts_as_the_push_and_is_noted(scene: Scene) -> None:
    plan = LabelPlan(labels=LabelOutcome.HEAD_MOVED, pull_request=shown(OLD), left_to=OLD)
    assert planned(scene, plan, NEW)[1] == LabelPlan(
        labels=LabelOutcome.PENDING, pull_request=shown(NEW), older_head=OLD
    )


def test_a_head_that_is_known_to_be_older_and_not_listed_counts_as_the_push(scene: Scene) -> None:
    unlisted = "e" * 40
    plan = LabelPlan(labels=LabelOutcome.PENDING, pull_request=shown(NEW), older_head=unlisted)
    assert planned(scene, plan, NEW)[1] == LabelPlan(
        labels=LabelOutcome.PENDING, pull_request=shown(NEW), older_head=unlisted
    )


def test_a_head_that_looks_older_and_is_newer_gets_the_labels(scene: Scene) -> None:
    plan = LabelPlan(labels=LabelOutcome.PENDING, pull_request=shown(NEW), older_head=OLD)
    assert planned(scene, plan, NEW, OLD)[1] == LabelPlan(
        labels=LabelOutcome.HEAD_MOVED, pull_request=shown(OLD), left_to=OLD
    )
