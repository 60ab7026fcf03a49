"""Who may give a command, and for which pull requests."""

from __future__ import annotations

from typing import Any

import pytest

from steps.core.errors import Exit
from tests.scenarios.commands.conversation import CANCEL, KEEP, PERSON, Conversation
from tests.support.harness import NEWER, REPOSITORY


@pytest.mark.parametrize("text", [CANCEL, KEEP])
@pytest.mark.parametrize("role", [None, "read", "triage"])
def test_a_person_who_may_not_write_changes_nothing(conversation: Conversation, text: str, role: Any) -> None:  # noqa: ANN401 - a role or none
    conversation.scene.github.give_role("visitor", role)
    answer = conversation.command(text, actor="visitor")
    assert answer == (Exit.DONE, "nothing to do: visitor may not write to the repository")
    assert conversation.untouched()


@pytest.mark.parametrize("role", ["write", "maintain", "admin"])
def test_write_permission_is_enough_for_a_command(conversation: Conversation, role: Any) -> None:  # noqa: ANN401 - a role
    conversation.scene.github.give_role(PERSON, role)
    assert conversation.command(CANCEL)[0] is Exit.DONE
    assert len(conversation.pushes()) == 1


def test_a_role_that_was_taken_away_meanwhile_does_not_count(conversation: Conversation) -> None:
    (made,) = conversation.say(CANCEL)
    conversation.scene.github.give_role(PERSON, None)
    assert conversation.scene.command(made)[1].endswith("may not write to the repository")
    assert conversation.untouched()


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_pull_request_from_a_fork_is_left_alone(conversation: Conversation, text: str) -> None:
    github = conversation.scene.github
    github.add_repository("alice/cto", fork=True)
    github.add_pull_request(repository=REPOSITORY, head_repository="alice/cto", head="task-7-work", sha=NEWER, number=2)
    assert conversation.command(text, number=2) == (Exit.DONE, "nothing to do: the branch of #2 is in a fork")
    github.delete_repository("alice/cto")
    assert conversation.command(text, number=2)[1].endswith("is in a fork")
    assert conversation.untouched()


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_pull_request_that_is_closed_is_left_alone(conversation: Conversation, text: str) -> None:
    (made,) = conversation.say(text)
    conversation.scene.github.close(1)
    assert conversation.scene.command(made) == (Exit.DONE, "nothing to do: #1 is closed")
    assert conversation.say(text) == [], "and its comments are dropped from then on"
    assert conversation.untouched()


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_branch_that_is_not_a_task_is_left_alone(conversation: Conversation, text: str) -> None:
    conversation.scene.github.add_pull_request(repository=REPOSITORY, head="x-{{workflow.name}}", sha=NEWER, number=2)
    code, report = conversation.command(text, number=2)
    assert (code, report) == (Exit.DONE, "nothing to do: x-((workflow.name)) is not the branch of a task")
    assert conversation.untouched()


def test_an_answer_about_another_account_is_no_permission(conversation: Conversation) -> None:
    scene = conversation.scene
    (made,) = conversation.say(CANCEL, actor="visitor")
    scene.github.world.accounts["visitor"] = scene.github.world.account(PERSON)
    assert scene.command(made)[0] is Exit.TRY_AGAIN
    assert conversation.untouched()
