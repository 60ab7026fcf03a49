"""A pull request on which people comment, from the signed webhook to the Workflow of a command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pipelines.manifests.event_source import event_source_manifest
from pipelines.manifests.sensor import sensor_manifest
from pipelines.settings import Settings
from steps.core.errors import Exit
from steps.kube.transport import Json
from tests.doubles.argo_events import Event, EventSource, Sensor
from tests.doubles.github import webhooks
from tests.support.harness import DEFAULTS, REPOSITORY, Scene

SECRET, PERSON = "of the webhook", "octocat"
EVENTS = replace(DEFAULTS.events, react_to=(*DEFAULTS.events.react_to, "commands"))
SETTINGS: Settings = replace(DEFAULTS, events=EVENTS)
CANCEL, KEEP = "/cancel-agents", "/keep-agents"
HOME = SETTINGS.namespaces.workflows


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A pull request on which people comment."""

    scene: Scene
    settings: Settings = SETTINGS

    def receive(self, sent: webhooks.Delivery) -> list[Json]:
        """Let a webhook come in; the Workflows that the Sensor has made, none if it dropped the event."""
        source = EventSource.of(event_source_manifest(self.settings), event=EVENTS.event_name, secret=SECRET)
        received = source.receive(sent.headers, sent.body)
        assert isinstance(received, Event)
        made: list[Json] = []
        Sensor(sensor_manifest(self.settings), create=lambda body: made.append(self.scene.api.create(body))).handle(
            received
        )
        return made

    def say(self, body: str, *, actor: str = PERSON, number: int = 1, **more: Any) -> list[Json]:  # noqa: ANN401 - passed on
        """Comment."""
        return self.receive(self.written(body, actor=actor, number=number, **more))

    def written(self, body: str, *, actor: str = PERSON, number: int = 1, **more: Any) -> webhooks.Delivery:  # noqa: ANN401 - passed on
        """Comment; the webhook about it."""
        options = {"repository": REPOSITORY} | more
        return webhooks.issue_comment(self.scene.github, number, body, secret=SECRET, actor=actor, **options)

    def command(self, body: str, **more: Any) -> tuple[Exit, str]:  # noqa: ANN401 - passed on
        """Comment, and run the command's Workflow; its exit code and its report."""
        (made,) = self.say(body, **more)
        return self.scene.command(made)

    def pushes(self) -> list[Json]:
        """The Workflows of pushes."""
        found = self.scene.api.list("workflows", namespace=HOME)
        return [each for each in found if each["spec"]["workflowTemplateRef"]["name"] == "cancel-agents"]

    def untouched(self) -> bool:
        """Whether nothing was submitted, and no label was written."""
        return not self.pushes() and not self.scene.github.writes()
