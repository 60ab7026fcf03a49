"""What a command does, from the comment to the agents and the labels."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.record import LabelOutcome, Phase
from steps.settings.policies import LabelChanges, RepositoryPolicy
from tests.scenarios.commands.conversation import CANCEL, KEEP, PERSON, SETTINGS, Conversation
from tests.schemas.validate import validate
from tests.support.harness import NEW, NEWER, REPOSITORY
from tests.support.scene.workflow import submitted


def test_cancel_agents_does_what_submit_does(conversation: Conversation) -> None:
    scene = conversation.scene
    commented = int(scene.clock.timestamp())
    (made,) = conversation.say(CANCEL)
    assert validate(made) == []
    assert made["spec"]["workflowTemplateRef"] == {"name": "agent-commands"}
    scene.later(2)
    code, report = scene.command(made)
    (push,) = conversation.pushes()
    assert (code, report) == (Exit.DONE, f"{push['metadata']['name']} submitted for {PERSON}")
    assert validate(push) == []
    values = {each["name"]: each["value"] for each in push["spec"]["arguments"]["parameters"]}
    assert values == {
        "repository": REPOSITORY,
        "task-id": "7",
        "ref": "refs/heads/task-7-work",
        "sha": NEW,
        "pushed-at": str(commented),
        "correlation-id": made["metadata"]["labels"]["agent-cancellation/delivery"],
        "reason": "command",
        "dry-run": "false",
        "requested-by": PERSON,
    }
    scene.argo.step()
    assert scene.play(submitted(push)) is Exit.DONE
    assert scene.runs() == set()
    record = scene.record()
    assert (record.phase, record.labels, record.push.reason) == (Phase.COMPLETED, LabelOutcome.MOVED, "command")


def test_cancel_agents_leaves_what_began_since_the_heads_push(conversation: Conversation) -> None:
    scene = conversation.scene
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    scene.later(60)
    later = scene.agent()["metadata"]["name"]
    scene.later(60)
    code, _ = conversation.command(CANCEL)
    assert code is Exit.DONE
    (push,) = (each for each in conversation.pushes() if "command" in json.dumps(each))
    scene.argo.step()
    assert scene.play(submitted(push)) is Exit.DONE
    assert scene.runs() == {later}
    assert scene.record().push.reason == "push"


def test_what_began_between_the_heads_push_and_the_comment_is_kept(conversation: Conversation) -> None:
    """As with submit: GitHub says when the head was pushed."""
    scene = conversation.scene
    between = scene.agent()["metadata"]["name"]
    scene.later(60)
    (made,) = conversation.say(CANCEL)
    later = scene.agent()["metadata"]["name"]
    assert scene.command(made)[0] is Exit.DONE
    scene.argo.step()
    assert scene.play(submitted(conversation.pushes()[0])) is Exit.DONE
    assert scene.runs() == {between, later}


def test_keep_agents_does_what_the_skip_label_does(conversation: Conversation) -> None:
    scene, before = conversation.scene, conversation.scene.runs()
    assert conversation.command(KEEP) == (Exit.DONE, f"skip-automation added to #1 for {PERSON}")
    assert "skip-automation" in scene.github.labels(1)
    assert conversation.pushes() == []
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    assert scene.runs() == before
    assert scene.record().labels is LabelOutcome.SKIPPED


@pytest.mark.parametrize("text", [CANCEL, KEEP])
@pytest.mark.parametrize("around", ["{}", " {} ", "\n{}\r\n", "\t{}\n\n"])
def test_white_space_around_a_command_does_not_matter(conversation: Conversation, text: str, around: str) -> None:
    (made,) = conversation.say(around.format(text))
    command = text.removeprefix("/").removesuffix("-agents")
    assert {"name": "command", "value": command} in made["spec"]["arguments"]["parameters"]


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_policy_may_leave_commands_out(conversation: Conversation, text: str) -> None:
    policy = RepositoryPolicy(repositories=(REPOSITORY,), react_to=("push",))
    conversation.scene.settings = replace(SETTINGS, policies=(policy,))
    answer = conversation.command(text)
    assert answer == (Exit.DONE, "nothing to do: commands do not count for this repository")
    assert conversation.untouched()


def test_keep_uses_the_skip_label_of_the_repositorys_policy(conversation: Conversation) -> None:
    policy = RepositoryPolicy(repositories=(REPOSITORY,), labels=LabelChanges(skip="hands off"))
    conversation.scene.settings = replace(SETTINGS, policies=(policy,))
    assert conversation.command(KEEP)[0] is Exit.DONE
    assert "hands off" in conversation.scene.github.labels(1)


def test_keep_without_a_skip_label_says_so(conversation: Conversation) -> None:
    conversation.scene.settings = replace(SETTINGS, labels=replace(SETTINGS.labels, skip=""))
    assert conversation.command(KEEP) == (
        Exit.DONE,
        "nothing to do: this repository has no skip label (labels.skip)",
    )
