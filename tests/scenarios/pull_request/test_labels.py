"""A push and its pull request: head, labels, forks, and failures of GitHub."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps.core.errors import Exit
from steps.domain.push import ZERO_SHA
from steps.domain.record import LabelOutcome, Phase
from tests.doubles.argo_controller import FAILED
from tests.doubles.github import fail as github_fails
from tests.doubles.github import primary_limited, reply_lost, secondary_limited
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, REPOSITORY, TOKEN, Scene, Workflow, ago
from tests.support.scenarios import MOVED, UNTOUCHED, pushed


def crashed(scene: Scene, sha: str = NEW, **more: Any) -> Workflow:  # noqa: ANN401 - passed on
    """A push whose Workflow lost its pod before the end."""
    pushed(scene, sha)
    workflow = scene.workflow(sha=sha, **more)
    scene.argo.mark(workflow.name, FAILED)
    scene.begin(workflow, pod=workflow.name)
    scene.end_pod(workflow.name, phase="Failed")
    return workflow


@pytest.mark.parametrize("before", ["", ZERO_SHA], ids=["names what it replaced", "does not name it"])
def test_a_push_that_resumes_another_and_is_the_head_moves_its_own_labels(scene: Scene, before: str) -> None:
    first = crashed(scene)
    pushed(scene, NEWER)
    same_second = scene.workflow(sha=NEWER, before=before, pushed_at=first.push.pushed_at)
    assert scene.play(same_second) is Exit.DONE
    assert (scene.record().push, scene.record().labels) == (same_second.push, LabelOutcome.MOVED)


def test_a_push_that_resumes_another_and_is_not_the_head_keeps_the_recorded_push(scene: Scene) -> None:
    first = crashed(scene)
    between = scene.workflow(sha=NEWER, before=OLD, pushed_at=first.push.pushed_at)
    pushed(scene, "d" * 40)
    assert scene.play(between) is Exit.DONE
    assert (scene.record().push, scene.record().labels) == (first.push, LabelOutcome.HEAD_MOVED)
    assert scene.record().left_to == "d" * 40


def test_an_older_push_that_resumes_the_head_records_the_head(scene: Scene) -> None:
    older = scene.workflow(sha=OLD, pushed_at=ago(scene.clock, 5))
    newer = crashed(scene)
    assert scene.play(older) is Exit.DONE
    assert (scene.record().push, scene.record().labels) == (newer.push, LabelOutcome.MOVED)


def test_a_head_that_moves_at_the_same_time_as_the_labels_is_logged(scene: Scene) -> None:
    pushed(scene)
    workflow = scene.workflow()
    scene.github.before(lambda: pushed(scene, NEWER), method="POST", path="/labels$")
    assert scene.play(workflow) is Exit.DONE
    (line,) = [line for line in scene.events() if line["event"].startswith("pull request head moved with the labels")]
    assert line["head"] == NEWER
    assert scene.record().errors == ()


def test_the_skip_label_stops_everything_but_the_record(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)
    scene.github.edit_labels(1, add=["skip-automation"])
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {name}
    assert set(scene.github.labels(1)) == UNTOUCHED | {"skip-automation"}
    assert (scene.record().phase, scene.record().labels) == (Phase.COMPLETED, LabelOutcome.SKIPPED)
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


def test_a_label_that_the_repository_lacks_is_named_and_once_it_exists_the_push_is_finished(scene: Scene) -> None:
    """Access to pull requests alone, as the registered App has it, creates no label."""
    del scene.github.repository(REPOSITORY).labels["remediation-in-progress"]
    scene.github.add_token(TOKEN, permissions={"metadata": "read", "contents": "read", "pull_requests": "write"})
    scene.agent()
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    assert scene.play(workflow) is Exit.FORBIDDEN
    assert (scene.runs(), scene.github.labels(1)) == (set(), ("ready-for-qa", "task-7", "team-a"))
    error = scene.record().errors[-1]
    assert error.startswith("ForbiddenError: label 'remediation-in-progress': ")
    assert error.endswith("create the label in the repository, or give the App or token write access to issues")
    scene.github.world.label(scene.github.repository(REPOSITORY), "remediation-in-progress")
    assert scene.play(workflow) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED


@pytest.mark.parametrize("how", ["closed", "merged"])
def test_without_an_open_pull_request_the_agents_are_still_stopped(scene: Scene, how: str) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.github.close(1, merged=how == "merged")
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == UNTOUCHED
    assert scene.record().labels is LabelOutcome.NO_PULL_REQUEST


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


def test_the_tasks_label_decides_between_two_pull_requests(scene: Scene) -> None:
    scene.github.add_pull_request(head="task-7-work", sha=OLD, base="release", labels=["ready-for-qa"])
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED
    assert set(scene.github.labels(2)) == {"ready-for-qa"}


def test_two_pull_requests_without_the_tasks_label_keep_their_labels(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    scene.github.add_pull_request(head="task-7-work", sha=OLD, base="release", labels=["ready-for-qa", "task-7"])
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == UNTOUCHED
    assert scene.record().labels is LabelOutcome.AMBIGUOUS
    (line,) = [line for line in scene.events() if line["event"].startswith("several open pull requests")]
    assert line["event"].endswith("add label task-7 to the right one")
    assert set(line["pulls"]) == {"#1", "#2"}


def test_a_label_that_the_repository_does_not_have_is_created(scene: Scene) -> None:
    scene.github.add_repository("5dlabs/bare")
    scene.github.add_pull_request(repository="5dlabs/bare", head="task-7-work", sha=NEW)
    assert scene.play(scene.workflow(repository="5dlabs/bare")) is Exit.DONE
    assert scene.github.labels(1, repository="5dlabs/bare") == ("remediation-in-progress",)


def test_a_label_change_of_another_client_at_the_same_time_is_reported_and_kept(scene: Scene) -> None:
    pushed(scene)
    scene.github.after(lambda: scene.github.edit_labels(1, add=["ready-for-qa", "urgent"]), method="DELETE")
    assert scene.play(scene.workflow()) is Exit.DONE
    assert {"ready-for-qa", "urgent"} <= set(scene.github.labels(1))
    assert "at the same time" in scene.record().errors[-1]


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
def test_a_transient_error_of_github_costs_only_time(scene: Scene, fault: object, call: str) -> None:
    pushed(scene)
    scene.github.fault(fault, method=call)  # type: ignore[arg-type]
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED


def test_a_rate_limit_beyond_the_deadline_is_retried_later_without_a_delete(scene: Scene) -> None:
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


def test_the_settings_can_choose_to_cancel_while_github_is_down(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    scene.agent()
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.github.fault(github_fails(503), method="GET", times=5)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == set()
    assert scene.record().labels is LabelOutcome.UNREADABLE
    scene.later(DEFAULTS.breaker.open_s + 1)
    assert scene.play(workflow) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED
