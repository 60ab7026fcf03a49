"""The preview names the filter that drops an event. It needs no Sensor, and decides as the Sensor does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.views.event_text import describe_event
from pipelines.manifests.sensor import sensor_manifest
from pipelines.preview import preview_event, push_payload, read_payload
from steps.core.errors import BadInputError
from tests.doubles.argo_events import Event, Sensor, gojson
from tests.doubles.github import GitHub, webhooks
from tests.schemas.published import webhook_examples
from tests.support.harness import DEFAULTS, NEW, REPOSITORY

# The first run on a machine fetches the examples.
pytestmark = pytest.mark.timeout(300)


AT = 1700000000


def dropped(payload: dict[str, Any]) -> set[str]:
    """The fields by which the Sensor drops an event."""
    return {each.path for each in preview_event(payload, settings=DEFAULTS).dropped_by}


def test_a_push_that_counts_passes_with_its_task() -> None:
    found = preview_event(push_payload(REPOSITORY, "task-7-x", settings=DEFAULTS), settings=DEFAULTS)
    assert (found.event, found.dropped_by) == ("push", ())
    assert found.match
    assert found.match.id == "7"


@pytest.mark.parametrize(
    ("change", "path", "setting"),
    [
        ({"ref": "refs/heads/main"}, "body.ref", "[[tasks]]"),
        ({"sender": {"login": "octocat", "type": "Bot"}}, "body.sender.login", "events.senders"),
        (
            {"repository": {"full_name": "a/b", "pushed_at": 1700000000}},
            "body.repository.full_name",
            "events.repositories",
        ),
        ({"repository": {"full_name": REPOSITORY, "pushed_at": "soon"}}, "body.repository.pushed_at", ""),
        ({"after": None}, "body.after", ""),
    ],
)
def test_the_filter_that_drops_a_push_is_named_with_its_setting(
    change: dict[str, Any], path: str, setting: str
) -> None:
    payload = push_payload(REPOSITORY, "task-7", settings=DEFAULTS) | change
    found = preview_event(payload, settings=DEFAULTS)
    assert found.event == ""
    assert [(each.path, each.setting) for each in found.dropped_by] == [(path, setting)]


def pulls(action: str) -> dict[str, Any]:
    """A webhook about a pull request."""
    github = GitHub()
    github.add_repository(REPOSITORY)
    github.add_pull_request(head="task-7-x", sha=NEW, labels=[])
    if action == "closed":
        github.close(1)
    payload: dict[str, Any] = json.loads(webhooks.pull_request(github, 1, action, secret="s").body)
    return payload


@pytest.mark.parametrize(("action", "event"), [("closed", "closed"), ("opened", "opened"), ("reopened", "opened")])
def test_an_event_of_a_pull_request_passes(action: str, event: str) -> None:
    assert preview_event(pulls(action), settings=DEFAULTS).event == event


def test_an_event_that_the_settings_do_not_count_is_dropped() -> None:
    settings = replace(DEFAULTS, events=replace(DEFAULTS.events, react_to=("push", "opened")))
    found = preview_event(pulls("closed"), settings=settings)
    assert [(each.event, each.path, each.setting) for each in found.dropped_by] == [
        ("opened", "body.action", "events.react_to")
    ]


def test_a_pull_request_from_a_fork_is_dropped() -> None:
    payload = pulls("closed")
    payload["pull_request"]["head"]["repo"]["id"] = 1
    assert dropped(payload) == {"body.pull_request.head.repo.id"}


def test_the_preview_of_every_published_example_is_what_the_sensor_does() -> None:
    sensor = Sensor(sensor_manifest(DEFAULTS))
    variants = [pulls("closed"), pulls("opened"), push_payload(REPOSITORY, "task-7", settings=DEFAULTS)]
    variants += [each["payload"] for each in webhook_examples() if each["event"] in {"push", "pull_request"}]
    for payload in variants:
        kind = "pull_request" if "pull_request" in payload else "push"
        delivery = {"X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
        data = {"headers": {"X-Github-Event": [kind]}, "body": delivery | payload}
        event = Event(source=DEFAULTS.events.event_source, subject=DEFAULTS.events.event_name, data=gojson.encode(data))
        created = isinstance(sensor.handle(event), list)
        assert bool(preview_event(payload, settings=DEFAULTS).event) is created


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ('{"repository": ' + "[" * 100_000 + "]" * 100_000 + "}", "not JSON"),
        ("[]", "not a webhook"),
        ("{}", "not a webhook"),
        (None, "No such file"),
    ],
    ids=["half of it", "deeply nested", "a list", "no repository", "no file"],
)
def test_a_file_that_is_no_webhook_is_named(tmp_path: Path, text: str | None, problem: str) -> None:
    path = tmp_path / "webhook.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadInputError, match=problem):
        read_payload(path)


def commented(body: str, *, actor: str = "octocat") -> dict[str, Any]:
    """The payload of a comment on a pull request."""
    github = GitHub(clock=lambda: AT)
    github.add_repository(REPOSITORY)
    github.add_pull_request(head="task-7-x", sha=NEW)
    sent = webhooks.issue_comment(github, 1, body, secret="s", actor=actor)
    payload: dict[str, Any] = json.loads(sent.body)
    return payload


def test_a_comment_is_previewed_as_the_sensor_decides() -> None:
    react_to = (*DEFAULTS.events.react_to, "commands")
    settings = replace(DEFAULTS, events=replace(DEFAULTS.events, react_to=react_to))
    for body, event in (("/cancel-agents", "cancel-command"), (" /keep-agents\n", "keep-command"), ("thanks", "")):
        found = preview_event(commented(body), settings=settings)
        assert (found.event, found.is_comment) == (event, True)
        described = list(describe_event(found, settings=settings))
        assert ("The Sensor creates a Workflow" in described[0]) is bool(event)
        assert "no branch" in described[-1]
    found = preview_event(commented("/keep-agents", actor="acme[bot]"), settings=settings)
    assert "body.sender.type" in {each.path for each in found.dropped_by}


def test_without_commands_no_comment_passes() -> None:
    found = preview_event(commented("/cancel-agents"), settings=DEFAULTS)
    assert found.event == ""
    assert found.dropped_by
