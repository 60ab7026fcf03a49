"""A renamed or transferred repository is an error that names both names; nothing is read or written under either."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from steps.core.errors import RepositoryMovedError
from steps.github.client import GitHub
from steps.telemetry.audit import WriteCause, WriteReason
from tests.doubles.github import answered, reset
from tests.support.harness import REPOSITORY, Scene

WHY = WriteReason(cause=WriteCause.ADD_LABEL, epoch=1)
ASKED = {"repository": REPOSITORY}
OPERATIONS: dict[str, Callable[[GitHub], object]] = {
    "list pull requests": lambda client: client.open_pull_requests(**ASKED, branch="task-7-work"),
    "list the latest pull requests": lambda client: client.latest_pull_requests(repository=ASKED["repository"]),
    "read a pull request": lambda client: client.pull_request(**ASKED, number=1),
    "list activity": lambda client: client.activity(**ASKED),
    "list comments": lambda client: list(client.comments(**ASKED, number=1)),
    "add a label": lambda client: client.add_label(**ASKED, number=1, label="x", reason=WHY),
    "remove a label": lambda client: client.remove_label(**ASKED, number=1, label="ready-for-qa", reason=WHY),
    "add a comment": lambda client: client.add_comment(**ASKED, number=1, body="x", reason=WHY),
    "edit a comment": lambda client: client.edit_comment(**ASKED, comment=1, body="x", reason=WHY),
}
of_every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


@of_every_operation
@pytest.mark.parametrize("now", ["5dlabs/cto-platform", "5d-labs/cto"], ids=["renamed", "transferred"])
def test_the_error_names_both_names_and_what_to_correct(
    scene: Scene, client: GitHub, operation: Callable[[GitHub], object], now: str
) -> None:
    scene.github.rename_repository(REPOSITORY, now)
    with pytest.raises(RepositoryMovedError) as caught:
        operation(client)
    assert str(caught.value) == (
        f"GitHub renamed or transferred the repository {REPOSITORY} to {now}: correct events.repositories and the "
        "repository of the agent runs"
    )
    assert [call.effect_status for call in scene.github.calls] in ([301, 200], [307, 200])
    assert scene.github.labels(1, repository=now) == ("ready-for-qa", "task-7", "team-a")


@pytest.mark.parametrize("fault", [reset(), answered("<html>"), answered("{}", kind="application/json")])
def test_a_new_name_that_github_does_not_show_is_left_out(scene: Scene, client: GitHub, fault: object) -> None:
    scene.github.rename_repository(REPOSITORY, "5dlabs/cto-platform")
    scene.github.fault(fault, path="^/repositories/")  # type: ignore[arg-type]
    with pytest.raises(RepositoryMovedError, match=f"the repository {REPOSITORY}: correct events.repositories"):
        client.pull_request(**ASKED, number=1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_any_redirect_to_another_repository_of_this_server_is_a_move(scene: Scene, client: GitHub, status: int) -> None:
    scene.github.add_repository("5dlabs/other")
    scene.github.fault(answered("{}", status=status, headers={"location": "/repos/5dlabs/other/pulls/1"}))
    with pytest.raises(RepositoryMovedError, match="to 5dlabs/other: correct"):
        client.pull_request(**ASKED, number=1)


def test_a_name_in_another_case_is_the_same_name(scene: Scene, client: GitHub) -> None:
    scene.github.rename_repository(REPOSITORY, "5DLabs/CTO")
    (found,) = client.open_pull_requests(**ASKED, branch="task-7-work")
    assert found == client.pull_request(**ASKED, number=1)


@pytest.mark.parametrize("operation", ["list pull requests", "list the latest pull requests", "read a pull request"])
def test_a_proxy_that_follows_the_redirect_hides_nothing(scene: Scene, client: GitHub, operation: str) -> None:
    """The answer then comes with 200, and with the new name."""
    scene.github.rename_repository(REPOSITORY, "5dlabs/cto-platform")
    scene.github.world.former.clear()
    scene.github.world.repositories[REPOSITORY] = scene.github.world.repositories["5dlabs/cto-platform"]
    with pytest.raises(RepositoryMovedError, match="to 5dlabs/cto-platform: correct"):
        OPERATIONS[operation](client)
