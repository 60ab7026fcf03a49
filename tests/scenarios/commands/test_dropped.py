"""Comments and webhooks that are not commands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.event_source import event_source_manifest
from pipelines.manifests.sensor import sensor_manifest
from steps.kube.transport import Json
from tests.doubles.argo_events import Dropped, Event, EventSource, Sensor, sign
from tests.doubles.github import webhooks
from tests.scenarios.commands.conversation import CANCEL, EVENTS, KEEP, SECRET, SETTINGS, Conversation
from tests.schemas.published import webhook_examples
from tests.support.harness import DEFAULTS, REPOSITORY


@pytest.mark.parametrize(
    "body",
    [
        "please /cancel-agents",
        "/cancel-agents now",
        "/cancel-agents\n/keep-agents",
        "> /cancel-agents",
        "`/cancel-agents`",
        "/cancel-agents.",
        "/Cancel-Agents",
        "cancel-agents",
        "/cancel-agents-x",
        "/cancel-agents\n{{workflow.name}}",
        "/keep-agents forever",
        "Type /keep-agents to keep them",
        "/cancel\u200b-agents",
        "\u00a0/cancel-agents",
        "/stop-agents",
    ],
)
def test_any_other_text_is_dropped(conversation: Conversation, body: str) -> None:
    assert conversation.say(body) == []


@pytest.mark.parametrize("text", [CANCEL, KEEP])
def test_a_comment_on_an_issue_is_dropped(conversation: Conversation, text: str) -> None:
    assert conversation.say(text, on_issue=True) == []


@pytest.mark.parametrize("action", ["edited", "deleted", "pinned"])
def test_a_comment_that_is_edited_into_a_command_is_dropped(conversation: Conversation, action: str) -> None:
    assert conversation.say(CANCEL, action=action) == []


@pytest.mark.parametrize("actor", ["5DLabs-Rex[bot]", "acme[bot]"])
def test_a_bot_gives_no_commands(conversation: Conversation, actor: str) -> None:
    conversation.scene.github.give_role(actor, "admin")
    assert conversation.say(CANCEL, actor=actor) == []


@pytest.mark.parametrize(
    "change",
    [
        {"repository": {"full_name": "5dlabs/other"}},
        {"repository": {"full_name": f"{REPOSITORY}-evil"}},
        {"sender": {"type": "Bot"}},
        {"sender": {"type": "Organization"}},
        {"sender": {"id": 1}},
        {"sender": {"login": "a/../b"}},
        {"sender": {"login": "{{workflow.name}}"}},
        {"sender": {"login": None}},
        {"comment": {"created_at": "yesterday"}},
        {"comment": {"created_at": 1700000000}},
        {"comment": {"created_at": None}},
        {"comment": {"body": None}},
        {"comment": {"body": ["/cancel-agents"]}},
        {"comment": {"user": None}},
        {"issue": {"number": "1"}},
        {"issue": {"number": 0}},
        {"issue": {"number": 10**12}},
        {"issue": {"number": None}},
        {"issue": {"state": "closed"}},
        {"issue": {"pull_request": None}},
        {"issue": {"pull_request": {"url": "https://api.github.com/x y/pulls/1"}}},
        {"issue": {"pull_request": {}}},
    ],
    ids=json.dumps,
)
def test_a_webhook_with_a_field_that_does_not_fit_is_dropped(
    conversation: Conversation, change: dict[str, dict[str, Any]]
) -> None:
    sent = conversation.written(CANCEL)
    payload = json.loads(sent.body)
    for key, values in change.items():
        payload[key] |= values
    assert conversation.receive(again(sent, payload)) == []


def again(sent: webhooks.Delivery, payload: Json) -> webhooks.Delivery:
    """The same delivery with another payload, signed."""
    return webhooks.delivery(payload, event=sent.headers["X-GitHub-Event"], secret=SECRET, delivery_id=sent.id)


def test_other_events_are_not_taken_for_a_comment(conversation: Conversation) -> None:
    sent = conversation.written(CANCEL)
    payload = json.loads(sent.body)
    for event in ("issues", "pull_request_review_comment", "commit_comment", "push", "pull_request"):
        moved = webhooks.delivery(payload, event=event, secret=SECRET, delivery_id=sent.id)
        assert conversation.receive(moved) == [], event


def test_commands_are_off_by_default(conversation: Conversation) -> None:
    assert "commands" not in DEFAULTS.events.react_to
    plain = Conversation(scene=conversation.scene, settings=DEFAULTS)
    assert plain.say(CANCEL) == []
    names = {each["metadata"]["name"] for each in all_manifests(DEFAULTS)}
    assert "agent-commands" not in names
    (source,) = event_source_manifest(DEFAULTS)["spec"]["github"].values()
    assert "issue_comment" not in source["events"]


def test_nothing_that_people_write_freely_reaches_the_workflow(conversation: Conversation) -> None:
    sent = conversation.written(f"\n{CANCEL}\n")
    payload = json.loads(sent.body)
    payload["issue"] |= {"title": "{{workflow.name}} $(reboot)", "body": "reboot"}
    payload["comment"]["author_association"] = "reboot"
    (made,) = conversation.receive(again(sent, payload))
    text = json.dumps(made)
    assert "reboot" not in text
    assert CANCEL not in text


def test_the_double_comments_as_github_does(conversation: Conversation) -> None:
    examples = [
        each["payload"]
        for each in webhook_examples()
        if each["event"] == "issue_comment" and each["payload"]["action"] == "created"
    ]
    doubled = json.loads(conversation.written(CANCEL).body)
    for key in ("issue", "comment", "repository", "sender"):
        real = {name: value for each in examples for name, value in each[key].items()}
        # The published examples are about issues, and older than one field.
        assert doubled[key].keys() <= real.keys() | {"pull_request", "has_discussions"}, key
        for name, value in doubled[key].items():
            known = real.get(name)
            assert value is None or known is None or type(value) is type(known), (key, name)


@pytest.mark.timeout(300)
def test_no_published_example_is_a_command(conversation: Conversation) -> None:
    source = EventSource.of(event_source_manifest(SETTINGS), event=EVENTS.event_name, secret=SECRET)
    sensor = Sensor(sensor_manifest(SETTINGS))
    for example in webhook_examples():
        body = json.dumps(example["payload"]).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": example["event"],
            "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "X-Hub-Signature-256": sign(SECRET, body),
        }
        received = source.receive(headers, body)
        assert isinstance(received, Event)
        assert isinstance(sensor.handle(received), Dropped), example["event"]
    assert conversation.untouched()
