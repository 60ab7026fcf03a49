"""The surroundings of the project in the real cluster: GitHub, the platform's controller, and the agents' reports.

Guarantees: all of it is at work until the context is left. Not guaranteed: room for two at once, since the steps ask
GitHub at one address.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.doubles import github as github_double
from tests.doubles.platform.client import Client
from tests.doubles.platform.platform import runs_path
from tests.doubles.platform.running import running
from tests.e2e.provision.cluster import Cluster
from tests.e2e.support.agent_reports import AgentReports, listening
from tests.e2e.support.agents import PodController
from tests.e2e.support.installation import GITHUB_PORT, TOKEN
from tests.e2e.support.stage import Stage
from tests.e2e.support.task import REPOSITORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What tasks are staged in."""

    cluster: Cluster
    client: Client
    github: github_double.GitHub
    agent_reports: AgentReports
    controller: PodController

    def stage(self) -> Stage:
        """A new task, ready for QA."""
        stage = Stage(
            cluster=self.cluster,
            client=self.client,
            github=self.github,
            agent_reports=self.agent_reports,
            url=self.cluster.webhook,
        )
        stage.set_up()
        return stage

    def clear(self, stage: Stage) -> None:
        """End what is left of a task's agents."""
        for run in stage.runs():
            self.client.request("DELETE", runs_path(stage.agents, run))


@contextmanager
def surroundings(cluster: Cluster) -> Iterator[Surroundings]:
    """Start everything, until the context is left."""
    client, double = cluster.client(), github_double.GitHub()
    double.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress", "skip-automation"])
    double.add_token(TOKEN)
    with (
        listening(cluster.host) as agent_reports,
        github_double.serve(double, host=cluster.host, port=GITHUB_PORT),
    ):
        controller = PodController(
            client=client,
            namespace=cluster.settings.namespaces.agents[0],
            image=cluster.agent_image,
            agent_reports=agent_reports,
        )
        with running(controller, every_s=0.1):
            yield Surroundings(
                cluster=cluster, client=client, github=double, agent_reports=agent_reports, controller=controller
            )
    client.close()
