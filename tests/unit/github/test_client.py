"""GitHub as the steps use it: credentials, limits, and errors by meaning."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from steps.core.errors import BadInputError, ForbiddenError, StepError, UnavailableError
from steps.github.client import GitHub
from steps.github.credentials import mounted_credentials
from steps.github.sign_in import SignIn
from steps.runtime.github_connections import GitHubConnections
from steps.telemetry.audit import WriteCause, WriteReason
from steps.telemetry.measurements import Measurements
from tests.doubles import github as double
from tests.doubles.github import delay, fail, primary_limited, reset, secondary_limited
from tests.doubles.github.faults import Fault
from tests.doubles.github.messages import json_response
from tests.support.harness import DEFAULTS, OLD, REPOSITORY, TOKEN, Scene
from tests.support.keys import PRIVATE, PUBLIC, STRANGER

FOREVER = 100
WHY = WriteReason(cause=WriteCause.ADD_LABEL, epoch=1)


def mounted(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", "-").replace("key-pem", "key.pem")).write_text(text)
    return folder


def client(scene: Scene, folder: Path) -> GitHub:
    return GitHub(
        sign_in=SignIn(mounted_credentials(folder), clock=scene.clock),
        settings=replace(DEFAULTS.github, api_url=scene.github_url),
        clock=scene.clock,
        random=lambda: 0.5,
        while_waiting=lambda: None,
        breaker=scene.breakers().github,
        measurements=Measurements(),
        audit=scene.audit(),
    )


def by_token(scene: Scene, folder: Path) -> GitHub:
    return client(scene, mounted(folder, token=TOKEN + "\n"))


@pytest.fixture
def today() -> Iterator[tuple[double.GitHub, str]]:
    """A GitHub of today: an App's token is signed for a time, and the library takes it from the machine."""
    github = double.GitHub()
    github.add_repository(REPOSITORY)
    github.add_pull_request(head="task-7-work", sha="a" * 40)
    github.add_app(app_id=42, installation_id=7, public_key=PUBLIC)
    with double.serve(github) as url:
        yield github, url


def by_app(scene: Scene, url: str, folder: Path, *, key: str = PRIVATE, installation: str = "7") -> GitHub:
    scene.github_url = url
    return client(scene, mounted(folder, app_id="42\n", installation_id=f"{installation}\n", private_key_pem=key))


def test_a_github_app_gets_its_own_token_once(scene: Scene, today: tuple[double.GitHub, str], tmp_path: Path) -> None:
    github = by_app(scene, today[1], tmp_path)
    github.add_label(repository=REPOSITORY, number=1, label="remediation-in-progress", reason=WHY)
    github.pull_request(repository=REPOSITORY, number=1)
    assert "remediation-in-progress" in today[0].labels(1)
    assert [call.path for call in today[0].calls].count("/app/installations/7/access_tokens") == 1


@pytest.mark.parametrize(
    ("key", "installation"),
    [("not a key at all", "7"), (PRIVATE[:200], "7"), (STRANGER, "7"), (PRIVATE, "8")],
    ids=["no key", "half a key", "another App's key", "another installation"],
)
def test_an_app_that_cannot_sign_in_is_refused_without_showing_its_key(
    scene: Scene, today: tuple[double.GitHub, str], tmp_path: Path, key: str, installation: str
) -> None:
    with pytest.raises(ForbiddenError) as caught:
        by_app(scene, today[1], tmp_path, key=key, installation=installation).open_pull_requests(
            repository=REPOSITORY, branch="task-7-work"
        )
    assert not any(line and line in str(caught.value) for line in key.splitlines())


def test_all_connections_of_a_process_share_one_token(
    scene: Scene, today: tuple[double.GitHub, str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    mounted(secret, app_id="42", installation_id="7", private_key_pem=PRIVATE)
    connect = GitHubConnections(
        settings=replace(DEFAULTS.github, api_url=today[1], credentials_dir=str(secret)),
        clock=scene.clock,
        breaker=scene.breakers().github,
        measured=Measurements(),
        audit=scene.audit(),
    )
    for _ in range(3):
        connect(lambda: None).pull_request(repository=REPOSITORY, number=1)
    assert [call.path for call in today[0].calls].count("/app/installations/7/access_tokens") == 1


@pytest.mark.parametrize("label", ["needs/qa", "ready for qa", "50%", "a?b#c", "größe"])
def test_any_label_can_be_added_and_removed(scene: Scene, tmp_path: Path, label: str) -> None:
    github = by_token(scene, tmp_path)
    github.add_label(repository=REPOSITORY, number=1, label=label, reason=WHY)
    assert label in scene.github.labels(1)
    github.remove_label(repository=REPOSITORY, number=1, label=label, reason=WHY)
    assert label not in scene.github.labels(1)
    github.remove_label(repository=REPOSITORY, number=1, label=label, reason=WHY)


def test_removing_a_label_of_an_unknown_pull_request_is_not_taken_for_done(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(StepError):
        by_token(scene, tmp_path).remove_label(repository=REPOSITORY, number=99, label="ready-for-qa", reason=WHY)


@pytest.mark.parametrize("branch", ["task-8-a+b", "task-8-#12", "renovate/task-8-@types/node", "task-8-50%25=x,y"])
def test_a_branch_with_characters_that_an_address_encodes_is_found(scene: Scene, tmp_path: Path, branch: str) -> None:
    made = scene.github.add_pull_request(head=branch, sha=OLD, labels=[])
    (found,) = by_token(scene, tmp_path).open_pull_requests(repository=REPOSITORY, branch=branch)
    assert found.number == made.number


def test_the_latest_pull_requests_come_in_one_request_with_their_branches(scene: Scene, tmp_path: Path) -> None:
    scene.github.close(1)
    for number in range(2, 105):
        scene.later(1)
        scene.github.add_pull_request(head=f"task-{number}", sha=OLD, labels=[])
    scene.github.add_repository("alice/cto", fork=True)
    scene.github.add_pull_request(head="task-9", sha=OLD, repository=REPOSITORY, head_repository="alice/cto")
    scene.later(1)
    scene.github.edit_labels(2, add=["task-2"], repository=REPOSITORY)
    asked = len(scene.github.calls)
    found = by_token(scene, tmp_path).latest_pull_requests(repository=REPOSITORY)
    assert len(scene.github.calls) == asked + 1
    assert [each.branch for each in found[:3]] == ["task-2", "task-104", "task-103"]
    assert found[0].pull_request.labels == ("task-2",)
    assert len(found) == 99, "a fork's branch is another branch"
    scene.later(1)
    scene.github.close(104)
    closed = by_token(scene, tmp_path).latest_pull_requests(repository=REPOSITORY)[0]
    assert (closed.branch, closed.is_open, closed.closed_at) == (
        "task-104",
        False,
        scene.clock.now().replace(microsecond=0),
    )


def test_the_latest_pull_requests_of_an_unknown_repository_are_an_error(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="5dlabs/none"):
        by_token(scene, tmp_path).latest_pull_requests(repository="5dlabs/none")


def test_a_repository_that_cannot_be_seen_is_named(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="5dlabs/none"):
        by_token(scene, tmp_path).open_pull_requests(repository="5dlabs/none", branch="task-7-work")


@pytest.mark.parametrize(
    ("fault", "at_least_s", "at_most_s"),
    [
        (secondary_limited(retry_after=7), 7, 8),
        (primary_limited(reset_in_s=20), 20, 23),
        (fail(502), 0, 1),
        (reset(), 0, 1),
    ],
    ids=["Retry-After", "x-ratelimit-reset", "502", "connection reset"],
)
def test_what_github_asks_to_wait_is_waited(
    scene: Scene, tmp_path: Path, fault: object, at_least_s: float, at_most_s: float
) -> None:
    scene.github.fault(fault)  # type: ignore[arg-type]
    began = scene.clock.monotonic()
    by_token(scene, tmp_path).pull_request(repository=REPOSITORY, number=1)
    assert at_least_s <= scene.clock.monotonic() - began <= at_most_s


def test_a_secondary_limit_that_names_no_time_costs_a_minute_or_is_tried_again_later(
    scene: Scene, tmp_path: Path
) -> None:
    scene.github.fault(secondary_limited(retry_after=None))
    with pytest.raises(UnavailableError) as caught:
        by_token(scene, tmp_path).pull_request(repository=REPOSITORY, number=1)
    assert caught.value.retry_after_s == 60


def test_five_attempts_and_no_more(scene: Scene, tmp_path: Path) -> None:
    scene.github.fault(fail(503), times=float("inf"))
    with pytest.raises(UnavailableError):
        by_token(scene, tmp_path).pull_request(repository=REPOSITORY, number=1)
    assert len(scene.github.calls) == 5


def test_the_lease_is_held_while_github_imposes_a_wait(scene: Scene, tmp_path: Path) -> None:
    kept: list[float] = []
    github = GitHub(
        sign_in=SignIn(mounted_credentials(mounted(tmp_path, token=TOKEN)), clock=scene.clock),
        settings=replace(DEFAULTS.github, api_url=scene.github_url),
        clock=scene.clock,
        random=lambda: 0.5,
        while_waiting=lambda: kept.append(scene.clock.monotonic()),
        breaker=scene.breakers().github,
        measurements=Measurements(),
        audit=scene.audit(),
    )
    scene.github.fault(secondary_limited(retry_after=12))
    github.pull_request(repository=REPOSITORY, number=1)
    assert len(kept) >= 12


def test_a_github_that_does_not_answer_is_given_up_in_time(scene: Scene, tmp_path: Path) -> None:
    settings = replace(DEFAULTS.github, api_url=scene.github_url, timeout_s=1, attempts=1)
    github = GitHub(
        sign_in=SignIn(mounted_credentials(mounted(tmp_path, token=TOKEN)), clock=scene.clock),
        settings=settings,
        clock=scene.clock,
        random=lambda: 0.5,
        while_waiting=lambda: None,
        breaker=scene.breakers().github,
        measurements=Measurements(),
        audit=scene.audit(),
    )
    scene.github._sleep = time.sleep
    scene.github.fault(delay(2.5))
    with pytest.raises(UnavailableError, match=f"{settings.host}: no answer in time"):
        github.pull_request(repository=REPOSITORY, number=1)


def answering(content: object) -> Fault:
    return Fault(applied=False, answer=lambda _: json_response(status=200, content=content))


def test_the_activity_of_a_repository_lists_pushes_with_actors_newest_first(scene: Scene, tmp_path: Path) -> None:
    scene.github.push("task-7-work", "b" * 40)
    scene.later(2)
    scene.github.push("task-8-work", "c" * 40, actor="a-person")
    found = by_token(scene, tmp_path).activity(repository=REPOSITORY)
    assert [(each.ref, each.sha[0], each.by) for each in found] == [
        ("refs/heads/task-8-work", "c", "a-person"),
        ("refs/heads/task-7-work", "b", "5DLabs-Rex[bot]"),
    ]
    assert (found[0].at - found[1].at).total_seconds() == 2
    (call,) = scene.github.calls
    assert call.query == {"time_period": "day", "per_page": "100"}, "one page, whatever happened"


def test_the_changes_of_one_branch_are_listed_however_old_they_are(scene: Scene, tmp_path: Path) -> None:
    old = scene.github.push("task-7-work", "b" * 40)
    scene.github.push("task-8-work", "c" * 40)
    activities = scene.github.world.repositories[REPOSITORY].activities
    activities[activities.index(old)] = replace(old, at=old.at - 100_000)
    (found,) = by_token(scene, tmp_path).branch_activity(repository=REPOSITORY, ref="refs/heads/task-7-work")
    assert (found.before, found.sha) == ("a" * 40, "b" * 40)


def test_a_list_of_changes_that_ignores_the_branch_is_not_an_answer(scene: Scene, tmp_path: Path) -> None:
    entry = {"ref": "refs/heads/task-8", "before": "a" * 40, "after": "b" * 40, "actor": None}
    entry["timestamp"] = "2026-03-01T12:00:00Z"
    scene.github.fault(answering([entry]), method="GET", path="/activity$", times=FOREVER)
    with pytest.raises(UnavailableError, match="changes of other branches"):
        by_token(scene, tmp_path).branch_activity(repository=REPOSITORY, ref="refs/heads/task-7-work")


def test_a_push_of_a_deleted_account_has_no_actor(scene: Scene, tmp_path: Path) -> None:
    entry = {"ref": "refs/heads/task-7", "before": "a" * 40, "after": "b" * 40, "actor": None}
    entry["timestamp"] = "2026-03-01T12:00:00Z"
    scene.github.fault(answering([entry]), method="GET", path="/activity$")
    (found,) = by_token(scene, tmp_path).activity(repository=REPOSITORY)
    assert found.by == ""


@pytest.mark.parametrize("answer", [[{}], [{"ref": 1, "after": 2, "timestamp": "yesterday"}], {"a": 1}, [None]])
def test_an_activity_that_is_not_as_documented_is_an_error_by_meaning(
    scene: Scene, tmp_path: Path, answer: object
) -> None:
    scene.github.fault(answering(answer), method="GET", path="/activity$", times=FOREVER)
    with pytest.raises(UnavailableError, match="not as documented"):
        by_token(scene, tmp_path).activity(repository=REPOSITORY)
