"""A command that is delivered again, or that is interrupted by a failure."""

from __future__ import annotations

import pytest

from steps.core.errors import Exit
from tests.doubles.github import fail
from tests.doubles.kubernetes import Fault
from tests.scenarios.commands.conversation import CANCEL, KEEP, Conversation
from tests.support.harness import REPOSITORY


def test_a_repeated_delivery_submits_once(conversation: Conversation) -> None:
    scene, sent = conversation.scene, conversation.written(CANCEL)
    (first,), (second,) = conversation.receive(sent), conversation.receive(sent)
    assert first["metadata"]["name"] != second["metadata"]["name"]
    assert scene.command(first)[0] is Exit.DONE
    code, report = scene.command(second)
    assert code is Exit.DONE
    assert report.endswith("was submitted already")
    assert len(conversation.pushes()) == 1


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_delivery_that_is_repeated_after_an_hour_changes_nothing(conversation: Conversation, text: str) -> None:
    sent = conversation.written(text)
    conversation.scene.clock.jump(3700)
    (made,) = conversation.receive(sent)
    answer = conversation.scene.command(made)
    assert answer == (Exit.DONE, "nothing to do: the comment is older than an hour: comment again")
    assert conversation.untouched()


def test_a_repeated_keep_changes_nothing_more(conversation: Conversation) -> None:
    sent = conversation.written(KEEP)
    for _ in range(2):
        (made,) = conversation.receive(sent)
        assert conversation.scene.command(made)[0] is Exit.DONE
    assert conversation.scene.github.labels(1).count("skip-automation") == 1


@pytest.mark.parametrize("text", [CANCEL, KEEP])
@pytest.mark.parametrize("path", ["/permission$", "/pulls/1$"])
def test_while_github_does_not_answer_the_command_is_tried_again(
    conversation: Conversation, text: str, path: str
) -> None:
    scene = conversation.scene
    scene.github.fault(fail(503), path=path, times=20)
    (made,) = conversation.say(text)
    assert scene.command(made)[0] is Exit.TRY_AGAIN
    assert conversation.untouched()
    scene.github.plan.clear_faults()
    scene.later(60)
    assert scene.command(made)[0] is Exit.DONE
    assert not conversation.untouched()


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_credentials_that_may_not_ask_are_named(conversation: Conversation, text: str) -> None:
    conversation.scene.github.fault(fail(403), path="/permission$")
    (made,) = conversation.say(text)
    assert conversation.scene.command(made)[0] is Exit.FORBIDDEN
    assert conversation.untouched()


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_renamed_repository_is_an_error_and_nothing_is_written(conversation: Conversation, text: str) -> None:
    (made,) = conversation.say(text)
    conversation.scene.github.rename_repository(REPOSITORY, "5dlabs/renamed")
    code, problem = conversation.scene.command(made)
    assert code is Exit.BAD_INPUT
    assert "5dlabs/renamed" in problem or "another name" in problem
    assert conversation.untouched()


def test_a_lost_answer_to_the_create_is_found_by_the_next_attempt(conversation: Conversation) -> None:
    scene = conversation.scene
    (made,) = conversation.say(CANCEL)
    scene.api.faults.add(Fault(method="POST", path="/workflows", lose="reply"))
    while scene.command(made)[0] is not Exit.DONE:
        scene.later(5)
    assert len(conversation.pushes()) == 1
