"""Another organisation: one settings file with other names for everything, from the webhook to the labels.

The pushes come as signed webhooks, through the EventSource and the Sensor that these settings render.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.event_source import event_source_manifest
from pipelines.manifests.files import render_files
from pipelines.manifests.rbac import reconcile_access, sensor_access
from pipelines.manifests.sensor import sensor_manifest
from pipelines.settings import Settings
from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from steps.domain.record import LabelOutcome, Phase
from steps.kube.transport import Json
from tests.doubles.argo_events import Event, EventSource, Sensor
from tests.doubles.clock import ManualClock
from tests.doubles.github import GitHub, serve, webhooks
from tests.integration.control_plane.installation import settings_with
from tests.schemas.validate import validate
from tests.support.harness import NEW, NEWER, OLD, TOKEN, Scene
from tests.support.rbac import granted, used
from tests.support.scene.workflow import submitted

API, WEB, ELSEWHERE = "acme-corp/Orders.API", "acme-labs/web", "acme-corp/unlisted"
BUILDER, REVIEWER, HELPER = "acme-builder", "acme-reviewer", "acme-helper"
SECRET = "of the webhook"
CHANGES = {
    'workflows = "agent-cancellation"': 'workflows = "ci-stop"',
    'agents = "agent-platform"': 'agents = "ci-agents"',
    'events = "argo-events"': 'events = "ci-events"',
    "branch = '(?:feature/)?task-(?P<id>[1-9][0-9]{0,8})(?:-[A-Za-z0-9._-]{0,150})?'": (
        "branch = '(?:fix|feat)/(?P<id>[1-9][0-9]{0,5})/[a-z-]{1,50}'"
    ),
    'examples = ["task-42", "feature/task-42-fix-login"]': 'examples = ["fix/7/login"]',
    'add = "remediation-in-progress"': 'add = "status: being fixed"',
    'remove = "ready-for-qa"': 'remove = "status: please review"',
    'skip = "skip-automation"': 'skip = "hands off"',
    'task = "task-{task}"': 'task = "ticket {task}"',
    'config_map = "task-{task}-state"': 'config_map = "ticket-{task}"',
    'key = "state.json"': 'key = "document"',
    "task = 'metadata.labels.task-id'": r"task = 'metadata.labels.acme\.example/ticket'",
    "agent = 'spec.githubApp'": r"agent = 'metadata.labels.acme\.example/agent'",
    'cancellable = ["5DLabs-Cleo", "5DLabs-Tess"]': f'cancellable = ["{REVIEWER}"]',
    'exempt = ["5DLabs-Rex", "5DLabs-Blaze", "5DLabs-Morgan"]': f'exempt = ["{BUILDER}"]',
    'config_map = "cancel-agents-breakers"': 'config_map = "ci-breakers"',
    'repositories = ["5dlabs/cto"]': f'repositories = ["{API}", "{WEB}"]',
    'senders = ["5DLabs-Rex[bot]", "5DLabs-Blaze[bot]", "5DLabs-Morgan[bot]"]': f'senders = ["{BUILDER}[bot]"]',
    'event_source = "github-eventsource"': 'event_source = "webhooks"',
    'event_name = "org"': 'event_name = "acme"',
    'webhook_secret = "github-webhook-secret"': 'webhook_secret = "acme-webhook"',
}
# What the shipped settings say instead; with `task-id`, which is also a parameter, only where it is a label.
SHIPPED = (
    *("5dlabs", "5DLabs", "metadata.labels.task-id", "task-(?P", "task-{task}", "state.json"),
    *("ready-for-qa", "remediation-in-progress", "skip-automation"),
    *("argo-events", "agent-platform", "cancel-agents-breakers", "github-eventsource", "github-webhook-secret"),
)
MOVED = {"status: being fixed", "team-a"}
REVIEW = {"status: please review", "team-a"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acme:
    """Another organisation's cluster and GitHub."""

    settings: Settings
    scene: Scene

    def agent(self, agent: str, *, ticket: int, repository: str) -> str:
        """Start an agent that carries the organisation's own labels; its name."""
        labels = {"acme.example/ticket": str(ticket), "acme.example/agent": agent, "task-id": "999"}
        made = self.scene.agent(task=999, repository=repository, labels=labels)
        return str(made["metadata"]["name"])

    def push(self, branch: str, sha: str, *, repository: str, actor: str = f"{BUILDER}[bot]") -> list[Json]:
        """Push, and let the webhook come in; the Workflows that the Sensor has made, none if it dropped the push."""
        source = EventSource.of(event_source_manifest(self.settings), event="acme", secret=SECRET)
        sent = webhooks.push(self.scene.github, branch, sha, secret=SECRET, repository=repository, actor=actor)
        received = source.receive(sent.headers, sent.body)
        assert isinstance(received, Event)
        made: list[Json] = []
        Sensor(sensor_manifest(self.settings), create=lambda body: made.append(self.scene.api.create(body))).handle(
            received
        )
        self.scene.argo.step()
        return made

    def labels(self, repository: str) -> set[str]:
        """Of the repository's pull request."""
        return set(self.scene.github.labels(1, repository=repository))


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Acme]:
    """Two repositories of two owners, each with a pull request that waits for its review."""
    settings, clock = settings_with(CHANGES, folder=tmp_path), ManualClock()
    github = GitHub(clock=clock.timestamp, sleep=clock.sleep)
    for repository, branch, ticket in ((API, "fix/7/login", 7), (WEB, "feat/21/dark-mode", 21)):
        github.add_repository(repository, labels=["status: please review", "status: being fixed", "hands off"])
        github.add_pull_request(repository=repository, head=branch, sha=OLD, labels=[*REVIEW, f"ticket {ticket}"])
    github.add_repository(ELSEWHERE)
    github.add_token(TOKEN)
    with serve(github) as url:
        scene = Scene(github=github, github_url=url, clock=clock, settings=settings, reconcile_settings=settings)
        yield Acme(settings=settings, scene=scene)


def document(acme: Acme, ticket: int) -> dict[str, Any]:
    """A ticket's state."""
    found = acme.scene.api.get("configmaps", f"ticket-{ticket}", namespace="ci-agents")
    stored: dict[str, Any] = json.loads(found["data"]["document"])
    return stored


@pytest.mark.parametrize(
    ("repository", "branch", "ticket"), [(API, "fix/7/login", 7), (WEB, "feat/21/dark-mode", 21)], ids=["api", "web"]
)
def test_a_push_to_either_repository_stops_its_stale_agents_and_moves_its_labels(
    acme: Acme, repository: str, branch: str, ticket: int
) -> None:
    scene, other = acme.scene, {API: WEB, WEB: API}[repository]
    state = {"metadata": {"name": f"ticket-{ticket}", "namespace": "ci-agents"}, "data": {"document": '{"kept": 1}'}}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap"} | state)
    stale = acme.agent(REVIEWER, ticket=ticket, repository=repository)
    left = {acme.agent(agent, ticket=ticket, repository=repository) for agent in (BUILDER, HELPER)}
    left |= {acme.agent(REVIEWER, ticket=ticket, repository=other)}
    left |= {acme.agent(REVIEWER, ticket=ticket + 1, repository=repository)}
    scene.later(10)
    (workflow,) = acme.push(branch, NEW, repository=repository)
    assert validate(workflow) == []
    scene.later(2)
    left |= {acme.agent(REVIEWER, ticket=ticket, repository=repository)}

    scene.api.calls.clear()
    assert scene.play(submitted(workflow)) is Exit.DONE

    assert scene.runs() == left
    assert acme.labels(repository) == MOVED | {f"ticket {ticket}"}
    assert acme.labels(other) > REVIEW
    record = scene.record(task=ticket, repository=repository)
    assert (record.phase, record.labels, record.push.repository) == (Phase.COMPLETED, LabelOutcome.MOVED, repository)
    assert [agent.name for agent in record.agents if agent.outcome is RunOutcome.GONE] == [stale]
    assert document(acme, ticket)["kept"] == 1
    assert document(acme, ticket)["cancellation_in_progress"] is False
    assert used(scene.api.calls) <= granted(scene), "the Roles follow the settings"
    (comment,) = scene.github.comments(1, repository=repository)
    assert "status: being fixed" in comment.body


def test_its_stop_sign_is_the_one_that_the_settings_name(acme: Acme) -> None:
    acme.scene.github.edit_labels(1, repository=API, add=["hands off"])
    name = acme.agent(REVIEWER, ticket=7, repository=API)
    acme.scene.later(10)
    (workflow,) = acme.push("fix/7/login", NEW, repository=API)
    assert acme.scene.play(submitted(workflow)) is Exit.DONE
    assert acme.scene.runs() == {name}
    assert acme.labels(API) == REVIEW | {"ticket 7", "hands off"}


@pytest.mark.parametrize(
    ("branch", "repository", "actor"),
    [
        ("task-7-work", API, f"{BUILDER}[bot]"),
        ("fix/7/login", ELSEWHERE, f"{BUILDER}[bot]"),
        ("fix/7/login", API, "5DLabs-Rex[bot]"),
        ("fix/seven/login", API, f"{BUILDER}[bot]"),
        ("x/fix/7/login", API, f"{BUILDER}[bot]"),
    ],
    ids=["the matching branch", "an unlisted repository", "the matching sender", "no number", "not from the start"],
)
def test_what_only_the_shipped_settings_would_take_is_dropped(
    acme: Acme, branch: str, repository: str, actor: str
) -> None:
    assert acme.push(branch, NEW, repository=repository, actor=actor) == []


def test_a_push_whose_webhook_never_came_is_found_in_each_repository(acme: Acme) -> None:
    scene = acme.scene
    stale = {acme.agent(REVIEWER, ticket=7, repository=API), acme.agent(REVIEWER, ticket=21, repository=WEB)}
    scene.later(10)
    for repository, branch in ((API, "fix/7/login"), (WEB, "feat/21/dark-mode")):
        scene.github.push(branch, NEWER, repository=repository, actor=f"{BUILDER}[bot]")
    scene.later(acme.settings.reconcile.lost_after_s + 60)
    assert scene.runs() == stale
    scene.api.calls.clear()
    scene.reconcile()
    assert used(scene.api.calls) <= granted(scene, reconcile_access)
    assert scene.run_repairs() == [Exit.DONE, Exit.DONE]
    assert scene.runs() == set()
    assert acme.labels(API) == MOVED | {"ticket 7"}
    assert acme.labels(WEB) == MOVED | {"ticket 21"}


def test_nothing_of_what_was_changed_is_left_in_what_is_rendered(acme: Acme) -> None:
    files = render_files(acme.settings)
    assert [(path, word) for path, text in files.items() for word in SHIPPED if word in text] == []
    problems = [validate(each) for each in all_manifests(acme.settings) if each["apiVersion"].startswith("argoproj.io")]
    assert [each for each in problems if each] == []


def test_the_events_account_may_create_workflows_where_they_are(acme: Acme) -> None:
    (role,) = [each for each in sensor_access(acme.settings) if each["kind"] == "Role"]
    (binding,) = [each for each in sensor_access(acme.settings) if each["kind"] == "RoleBinding"]
    assert (role["metadata"]["namespace"], binding["subjects"][0]["namespace"]) == ("ci-stop", "ci-events")
