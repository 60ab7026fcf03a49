"""Anyone's agents: each style of branch, with each kind of run, at each event, from the signed webhook to the pods.

docs/branches-kinds-and-events.md shows this table. Each of its cells is one test here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import pytest

from pipelines.manifests.event_source import event_source_manifest
from pipelines.manifests.sensor import sensor_manifest
from pipelines.settings import Settings
from steps.core.errors import Exit
from steps.domain.push import ZERO_SHA
from steps.domain.task_id import find_task
from steps.settings.tasks import TaskPattern
from steps.settings.types import Event as EventName
from tests.doubles.argo_events import Event, EventSource, Sensor
from tests.doubles.github import webhooks
from tests.support.harness import DEFAULTS, NEW, OLD, REPOSITORY, Scene
from tests.support.runs_of_presets import PRESETS, Preset, pods_of
from tests.support.scenarios import MOVED, UNTOUCHED
from tests.support.scene.workflow import submitted

SECRET = "of the webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """One style of branches.

    Attributes:
        label: What a run's label says of its task; empty if runs name only their branch.
    """

    name: str
    pattern: TaskPattern
    branch: str
    label: str


STYLES = (
    Style(
        name="number",
        pattern=TaskPattern(branch=r"(?:feature/)?task-(?P<id>[1-9][0-9]{0,8})(?:-.*)?", examples=("task-7",)),
        branch="feature/task-7-login",
        label="7",
    ),
    Style(
        name="JIRA key",
        pattern=TaskPattern(branch=r"agent/(?P<id>[A-Z]+-[0-9]+)(?:-.*)?", examples=("agent/PROJ-123-login",)),
        branch="agent/PROJ-123-login",
        label="PROJ-123",
    ),
    Style(
        name="prefix of the agent",
        pattern=TaskPattern(branch=r"codex/issue-(?P<id>[0-9]+)", prefix="codex-", examples=("codex/issue-42",)),
        branch="codex/issue-42",
        label="codex-42",
    ),
    Style(
        name="rest of the branch",
        pattern=TaskPattern(branch=r"claude/(?P<id>.+)", examples=("claude/fix-login-a1b2c3",)),
        branch="claude/fix-login-a1b2c3",
        label="fix-login-a1b2c3",
    ),
    Style(
        name="whole branch",
        pattern=TaskPattern(branch=r"(?P<id>(?:copilot|cursor)/.+)", examples=("copilot/fix-42",)),
        branch="copilot/fix_Login.42",
        label="",
    ),
)
KINDS = pytest.mark.parametrize("preset", PRESETS, ids=[preset.name for preset in PRESETS])
OF_STYLES = pytest.mark.parametrize("style", STYLES, ids=[style.name for style in STYLES])


@pytest.fixture
def arranged(scene: Scene) -> Callable[[Style, Preset], Settings]:
    """Have the settings of one style and one kind, and a pull request of that branch."""

    def arrange(style: Style, preset: Preset) -> Settings:
        kind = replace(preset.kind, branch=r"metadata.annotations.branch", task=preset.kind.task if style.label else "")
        settings = replace(DEFAULTS, tasks=(style.pattern,), agents=(kind,))
        scene.settings = scene.reconcile_settings = settings
        scene.github.close(1)
        task = find_task(style.branch, patterns=settings.tasks)
        labels = [*(UNTOUCHED - {"task-7"}), f"task-{task}"]
        scene.github.add_pull_request(head=style.branch, sha=OLD, labels=labels)
        return settings

    return arrange


def deliver(scene: Scene, settings: Settings, delivery: webhooks.Delivery) -> Exit:
    """Send a signed webhook through the EventSource and the Sensor, and run its Workflow."""
    source = EventSource.of(event_source_manifest(settings), event=settings.events.event_name, secret=SECRET)
    event = source.receive(delivery.headers, delivery.body)
    assert isinstance(event, Event)
    created = Sensor(sensor_manifest(settings), create=scene.api.create).handle(event)
    assert isinstance(created, list)
    scene.argo.step()
    (made,) = created
    found = scene.api.list("workflows", namespace=settings.namespaces.workflows)
    prefix = made["metadata"]["generateName"]
    (workflow,) = [each for each in found if each["metadata"]["name"].startswith(prefix)]
    return scene.play(submitted(workflow))


def push(scene: Scene, style: Style, *, sha: str = NEW, actor: str = "5DLabs-Rex[bot]") -> webhooks.Delivery:
    return webhooks.push(scene.github, style.branch, sha, secret=SECRET, repository=REPOSITORY, actor=actor)


def about_pull_request(scene: Scene, action: str) -> webhooks.Delivery:
    return webhooks.pull_request(scene.github, 2, action, secret=SECRET, repository=REPOSITORY)


@OF_STYLES
@KINDS
def test_a_push_stops_the_run_of_its_branch(
    scene: Scene, arranged: Callable[[Style, Preset], Settings], style: Style, preset: Preset
) -> None:
    settings = arranged(style, preset)
    preset.run(scene, "stale", task=style.label, branch=style.branch)
    preset.run(scene, "other", task="other" if style.label else "", branch="main")
    scene.later(5)
    assert deliver(scene, settings, push(scene, style)) is Exit.DONE
    assert (pods_of(scene, "stale"), len(pods_of(scene, "other"))) == (set(), 1)
    task = find_task(style.branch, patterns=settings.tasks)
    assert set(scene.github.labels(2)) == (MOVED - {"task-7"}) | {f"task-{task}"}


@OF_STYLES
@KINDS
@pytest.mark.parametrize("event", ["closed", "deleted"])
def test_the_end_of_a_branch_stops_the_run_of_its_head(
    scene: Scene, arranged: Callable[[Style, Preset], Settings], style: Style, preset: Preset, event: str
) -> None:
    settings = arranged(style, preset)
    preset.run(scene, "other", task="other" if style.label else "", branch="main")
    assert deliver(scene, settings, push(scene, style)) is Exit.DONE
    preset.run(scene, "head", commit=NEW, task=style.label, branch=style.branch)
    scene.later(5)
    scene.github.close(2, merged=True)
    delivery = (
        about_pull_request(scene, "closed") if event == "closed" else push(scene, style, sha=ZERO_SHA, actor="octocat")
    )
    assert deliver(scene, settings, delivery) is Exit.DONE
    assert (pods_of(scene, "head"), len(pods_of(scene, "other"))) == (set(), 1)


@OF_STYLES
@KINDS
def test_a_pull_request_that_is_opened_after_its_push_gets_its_labels_and_stops_nothing(
    scene: Scene, arranged: Callable[[Style, Preset], Settings], style: Style, preset: Preset
) -> None:
    settings = arranged(style, preset)
    preset.run(scene, "other", task="other" if style.label else "", branch="main")
    scene.github.close(2)
    assert deliver(scene, settings, push(scene, style)) is Exit.DONE
    preset.run(scene, "head", commit=NEW, task=style.label, branch=style.branch)
    scene.later(5)
    scene.github.reopen(2)
    assert deliver(scene, settings, about_pull_request(scene, "reopened")) is Exit.DONE
    assert len(pods_of(scene, "head")) == 1
    assert "remediation-in-progress" in scene.github.labels(2)


def test_the_page_shows_these_styles_kinds_and_events() -> None:
    page = Path("docs/branches-kinds-and-events.md").read_text()
    for style in STYLES:
        assert f"`{style.branch}`" in page
        assert f"branch = '{style.pattern.branch}'" in page
    for preset in PRESETS:
        assert f"`{preset.name}`" in page
    for event in get_args(EventName):
        assert f"`{event}`" in page
