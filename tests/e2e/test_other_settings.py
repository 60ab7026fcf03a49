"""Settings that are off by default, in the real cluster: commands in comments, and agents in several namespaces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.doubles.github import webhooks
from tests.doubles.platform.controller import job_name
from tests.doubles.platform.platform import put_run, runs_path
from tests.doubles.platform.running import running
from tests.doubles.platform.runs import REX, TESS, agent_run
from tests.e2e.provision.cluster import Cluster, up
from tests.e2e.support.agents import AgentBehaviour, PodController
from tests.e2e.support.installation import SECRET, install, prepare, settings_for
from tests.e2e.support.moments import submitted
from tests.e2e.support.outcome import settled
from tests.e2e.support.stage import FINISHED, REPOSITORY, Stage, sha
from tests.e2e.support.surroundings import Surroundings

pytestmark = pytest.mark.timeout(300, func_only=True)

OTHER = "agent-team-b"
WRITER, READER = "octocat", "hubot"


@pytest.fixture(scope="module", autouse=True)
def _settings(cluster: Cluster, around: Surroundings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Other settings are installed, and agents run in a second namespace, until these tests have ended."""
    folder = tmp_path_factory.mktemp("other")
    changes = {
        'agents = "agent-platform"': f'agents = ["agent-platform", "{OTHER}"]',
        '"deleted", "opened"]': '"deleted", "opened", "commands"]',
    }
    settings = settings_for(cluster.host, cluster.image, folder=folder, changes=changes)
    prepare(cluster.kubectl, settings)
    install(cluster.kubectl, settings, folder=folder / "rendered")
    around.github.give_role(WRITER, "write", repository=REPOSITORY)
    around.github.give_role(READER, "read", repository=REPOSITORY)
    elsewhere = PodController(
        client=around.client, namespace=OTHER, image=cluster.agent_image, agent_reports=around.agent_reports
    )
    with running(elsewhere, every_s=0.1):
        yield
        # The controller takes its finalizers off.
        cluster.kubectl("delete", "namespace", OTHER)
    # No apply removes what only these settings have.
    cluster.kubectl("delete", "-k", str(folder / "rendered"), "--ignore-not-found")
    up(None)


def comment(stage: Stage, body: str, *, by: str) -> webhooks.Delivery:
    """A person comments on the task's pull request."""
    return webhooks.issue_comment(
        stage.github, stage.pull_request, body, secret=SECRET, actor=by, repository=REPOSITORY
    )


def command(stage: Stage, body: str, *, by: str) -> dict[str, Any]:
    """Comment, and wait until the command's Workflow has ended."""
    delivery = comment(stage, body, by=by)
    assert stage.deliver(delivery) == 200
    return stage.finished(delivery)


def test_a_person_with_write_access_stops_what_a_push_of_a_person_made_stale(stage: Stage) -> None:
    run = stage.agent()
    stage.push(actor=WRITER)  # does not count: its sender is not an agent
    since = stage.agent()
    assert command(stage, "/cancel-agents", by=WRITER)["status"]["phase"] == "Succeeded"
    stage.until(lambda: bool(stage.workflows()), what="the command submits a Workflow")
    stage.all_ended()
    record = settled(stage, left={since["metadata"]["name"]})
    assert (record["push"]["reason"], record["push"]["requested_by"]) == ("command", WRITER)
    assert record["push"]["before"] == sha(stage.task, 0)
    assert stage.agent_reports.when("SIGTERM", job_name(run)) is not None
    assert stage.agent_reports.when("SIGTERM", job_name(since)) is None


def test_a_person_without_write_access_commands_nothing(stage: Stage) -> None:
    run = stage.agent()
    stage.push(actor=WRITER)
    assert command(stage, "/cancel-agents", by=READER)["status"]["phase"] == "Succeeded"
    assert stage.workflows() == []
    assert stage.runs() == {run["metadata"]["name"]}
    assert stage.labels() == {"ready-for-qa"}


def test_keep_agents_protects_them_from_the_next_push(stage: Stage) -> None:
    run = stage.agent()
    assert command(stage, "/keep-agents", by=WRITER)["status"]["phase"] == "Succeeded"
    assert stage.labels() == {"ready-for-qa", "skip-automation"}
    push = stage.push()
    assert stage.phase_of(submitted(stage, push)) not in {"Failed", "Error"}
    assert stage.finished(push)["status"]["phase"] == "Succeeded"
    assert stage.runs() == {run["metadata"]["name"]}
    assert stage.record()["labels"] == "skip-label"


def test_agents_of_one_task_are_stopped_in_every_namespace(stage: Stage) -> None:
    here = stage.agent()
    there, exempt = started_elsewhere(stage, "tess"), started_elsewhere(stage, "rex", agent=REX)
    push = stage.push()
    assert stage.deliver(push) == 200
    assert stage.finished(push)["status"]["phase"] in FINISHED
    record = settled(stage)
    for run in (here, there):
        assert stage.agent_reports.when("SIGTERM", job_name(run)) is not None
    assert stage.agent_reports.when("SIGTERM", job_name(exempt)) is None
    outcomes = {(agent["namespace"], agent["name"]): agent["outcome"] for agent in record["agents"]}
    assert outcomes == {
        (stage.agents, here["metadata"]["name"]): "gone",
        (OTHER, there["metadata"]["name"]): "gone",
        (OTHER, exempt["metadata"]["name"]): "kept",
    }
    assert stage.client.request("GET", runs_path(OTHER, there["metadata"]["name"])).status == 404
    stage.client.request("DELETE", runs_path(OTHER, exempt["metadata"]["name"]))


def started_elsewhere(stage: Stage, name: str, *, agent: str = TESS) -> dict[str, Any]:
    """Start an agent in the other namespace, and wait until its pod works."""
    manifest = agent_run(
        task=stage.task,
        repository=f"https://github.com/{REPOSITORY}",
        namespace=OTHER,
        name=f"task-{stage.task}-{name}",
        annotations=AgentBehaviour().annotations(),
        agent=agent,
    )
    run = put_run(stage.client, manifest)
    stage.started = time.time()
    stage.until(lambda: stage.agent_reports.when("working", job_name(run)) is not None, what=f"{name} works")
    return run
