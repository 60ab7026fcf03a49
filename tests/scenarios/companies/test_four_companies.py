"""Four invented companies: each one's settings file, from the signed webhook to the moved labels and the last pod."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pipelines.manifests.event_source import event_source_manifest
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import dump_yaml
from pipelines.manifests.sensor import sensor_manifest
from pipelines.settings import Settings, read_settings
from steps.core.errors import Exit
from steps.domain.record import LabelOutcome
from tests.doubles.argo_events import Dropped, Event, EventSource, Sensor
from tests.doubles.clock import ManualClock
from tests.doubles.flux import substituted
from tests.doubles.github import GitHub, serve, webhooks
from tests.support.harness import NEW, OLD, TOKEN, Scene
from tests.support.runs_of_presets import PRESETS, Preset, pods_of
from tests.support.scene.workflow import submitted

SECRET = "of the webhook"
FOLDER = Path(__file__).parent
BY_NAME = {preset.name: preset for preset in PRESETS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A company, and one of its tasks.

    Attributes:
        label: What its runs' label says of the task; empty if they name only the branch.
        stale: The agent that works on the older code.
        exempt: An agent that is never stopped.
        repository: As GitHub spells it; the settings may spell it otherwise.
    """

    file: str
    preset: str
    repository: str
    branch: str
    sender: str
    label: str
    stale: str
    exempt: str


COMPANIES = (
    Company(
        file="jira-jobs.toml",
        preset="job",
        repository="Nordwind/shop",
        branch="feature/SHOP-123-login",
        sender="nordwind-coder[bot]",
        label="shop-123",
        stale="qa-agent",
        exempt="nordwind-coder",
    ),
    Company(
        file="claude-sandboxes.toml",
        preset="sandbox",
        repository="kestrel-labs/kestrel",
        branch="cursor/Refactor_API.v2",
        sender="cursor[bot]",
        label="",
        stale="reviewer",
        exempt="Cursor",
    ),
    Company(
        file="tekton-owner.toml",
        preset="tekton-pipeline-run",
        repository="bluebird/nest",
        branch="copilot/fix-42",
        sender="copilot-swe-agent[bot]",
        label="copilot-42",
        stale="qa",
        exempt="writer",
    ),
    Company(
        file="managed-users.toml",
        preset="pod",
        repository="Granit-AG_core/.github",
        branch="ticket-0815",
        sender="Schreiber_granit",
        label="0815",
        stale="pruefer_granit",
        exempt="schreiber_granit",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A company's cluster and its GitHub."""

    company: Company
    settings: Settings
    scene: Scene

    @property
    def preset(self) -> Preset:
        """The kind of its agents."""
        return BY_NAME[self.company.preset]

    def run(self, name: str, *, agent: str, label: str | None = None) -> None:
        """Start an agent on the task, or on the one that a label names."""
        task = self.company.label if label is None else label
        self.preset.run(
            self.scene,
            name,
            agent=agent,
            task=task,
            branch=self.company.branch if label is None else "main",
            repository=self.company.repository,
            namespace=self.settings.namespaces.agents[0],
        )

    def deliver(self, delivery: webhooks.Delivery) -> Exit | None:
        """Send a signed webhook to what Flux applied, with a variable; None if the Sensor drops it."""
        events = self.settings.events
        source = EventSource.of(event_source_manifest(self.settings), event=events.event_name, secret=SECRET)
        event = source.receive(delivery.headers, delivery.body)
        assert isinstance(event, Event)
        applied = yaml.safe_load(substituted(dump_yaml(sensor_manifest(self.settings)), variables={"id": "prod"}))
        made = Sensor(applied, create=self.scene.api.create).handle(event)
        if isinstance(made, Dropped):
            return None
        self.scene.argo.step()
        prefix = made[0]["metadata"]["generateName"]
        found = self.scene.api.list("workflows", namespace=self.settings.namespaces.workflows)
        (workflow,) = [each for each in found if each["metadata"]["name"].startswith(prefix)]
        return self.scene.play(submitted(workflow))

    def push(self, *, branch: str = "", sender: str = "") -> webhooks.Delivery:
        """Push to the task's branch."""
        company = self.company
        return webhooks.push(
            self.scene.github,
            branch or company.branch,
            NEW,
            secret=SECRET,
            repository=company.repository,
            actor=sender or company.sender,
        )


@pytest.fixture(params=COMPANIES, ids=[company.file for company in COMPANIES])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Each company in turn."""
    company: Company = request.param
    settings, clock = read_settings(FOLDER / company.file), ManualClock()
    github = GitHub(clock=clock.timestamp, sleep=clock.sleep)
    labels = settings.labels
    github.add_repository(
        company.repository, labels=[each for each in (labels.add, labels.remove, labels.skip) if each]
    )
    github.add_pull_request(repository=company.repository, head=company.branch, sha=OLD, labels=[labels.remove, "team"])
    github.add_token(TOKEN)
    with serve(github) as url:
        yield Site(
            company=company,
            settings=settings,
            scene=Scene(github=github, github_url=url, clock=clock, settings=settings, reconcile_settings=settings),
        )


def test_a_push_stops_the_companys_stale_agent_and_moves_its_labels(site: Site) -> None:
    site.run("stale", agent=site.company.stale)
    site.run("exempt", agent=site.company.exempt)
    site.run("elsewhere", agent=site.company.stale, label="other-1" if site.company.label else "")
    site.scene.later(5)
    assert site.deliver(site.push()) is Exit.DONE
    namespace = site.settings.namespaces.agents[0]
    left = {name: len(pods_of(site.scene, name, namespace=namespace)) for name in ("stale", "exempt", "elsewhere")}
    assert left == {"stale": 0, "exempt": 1, "elsewhere": 1}
    labels = set(site.scene.github.labels(1, repository=site.company.repository))
    assert labels == {site.settings.labels.add, "team"}


def test_the_companys_merged_pull_request_stops_the_agents_of_its_head(site: Site) -> None:
    site.run("head", agent=site.company.stale)
    site.scene.later(5)
    site.scene.github.close(1, merged=True, repository=site.company.repository)
    about = webhooks.pull_request(
        site.scene.github, 1, "closed", secret=SECRET, repository=site.company.repository, actor="a-person"
    )
    assert site.deliver(about) is Exit.DONE
    assert pods_of(site.scene, "head", namespace=site.settings.namespaces.agents[0]) == set()


@pytest.mark.parametrize("other", [{"branch": "main"}, {"sender": "a-person"}], ids=["a branch", "a person"])
def test_what_is_none_of_the_companys_pushes_is_dropped(site: Site, other: dict[str, str]) -> None:
    assert site.deliver(site.push(**other)) is None


def test_the_companys_manifests_render(site: Site) -> None:
    assert len(render_files(site.settings)) > 20


def test_a_policy_of_one_repository_leaves_the_labels_and_stops_other_agents() -> None:
    settings = read_settings(FOLDER / "tekton-owner.toml")
    legacy = settings.for_repository("Bluebird/Legacy")
    assert (legacy.labels.moves, legacy.agents[0].cancellable) == (False, ("security",))
    assert settings.for_repository("bluebird/nest") == settings
    assert LabelOutcome.SWITCHED_OFF
