"""One task in the real cluster, and what happens to it: agents start, somebody pushes, webhooks arrive.

Guarantees: every stage has a task of its own, so tests do not meet each other.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

import urllib3

from tests.doubles.github import webhooks
from tests.doubles.platform.controller import job_name
from tests.doubles.platform.platform import put_run
from tests.doubles.platform.runs import TESS, agent_run
from tests.e2e.support.agent_reports import AgentReports
from tests.e2e.support.agents import AgentBehaviour
from tests.e2e.support.installation import SECRET
from tests.e2e.support.task import FINISHED, REPOSITORY, Task
from tests.support.doubt import wait_out_doubt

__all__ = ["FINISHED", "REPOSITORY", "Stage", "sha"]


@dataclass(slots=True, kw_only=True)
class Stage(Task):
    """One task.

    Attributes:
        started: When its latest agent was started, in seconds since the epoch.
    """

    agent_reports: AgentReports
    url: str
    started: float = field(default=0.0, init=False)

    def set_up(self) -> None:
        """Make the task's pull request, ready for QA, and its state document."""
        labels = ["ready-for-qa", f"task-{self.task}"]
        made = self.github.add_pull_request(
            head=self.branch, sha=sha(self.task, 0), labels=labels, repository=REPOSITORY
        )
        self.pull_request = made.number
        state = {"status": "InProgress", "unknown": {"kept": True}}
        metadata = {"name": f"task-{self.task}-state"}
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"state.json": json.dumps(state)},
        }
        self.client.ask("POST", f"/api/v1/namespaces/{self.agents}/configmaps", body)

    def start(self, agent: str = TESS, *, how: AgentBehaviour | None = None, name: str = "") -> dict[str, Any]:
        """Start an agent; its run."""
        repository, notes = f"https://github.com/{REPOSITORY}", (how or AgentBehaviour()).annotations()
        manifest = agent_run(
            task=self.task, agent=agent, repository=repository, namespace=self.agents, name=name, annotations=notes
        )
        run = put_run(self.client, manifest)
        self.started = time.time()
        return run

    def at_work(self, run: dict[str, Any]) -> None:
        """Wait until an agent's pod works and its run says so."""
        name = run["metadata"]["name"]
        self.until(lambda: self.agent_reports.when("working", job_name(run)) is not None, what=f"{name} works")
        self.until(lambda: self.phase_of_run(name) in {"Running", "Succeeded"}, what=f"{name} is Running")

    def agent(self, agent: str = TESS, *, how: AgentBehaviour | None = None, name: str = "") -> dict[str, Any]:
        """Start an agent and wait until its pod works; its run."""
        run = self.start(agent, how=how, name=name)
        self.at_work(run)
        return run

    def push(self, number: int = 1, **changes: Any) -> webhooks.Delivery:  # noqa: ANN401 - passed on
        """Push to the task's branch, once its agents are certainly older; the webhook that GitHub would send."""
        wait_out_doubt(self.started)
        arguments = {"repository": REPOSITORY, "secret": SECRET, **changes}
        return webhooks.push(self.github, self.branch, sha(self.task, number), **arguments)

    def deliver(self, delivery: webhooks.Delivery, **headers: str) -> int:
        """Send a webhook to the EventSource; its answer."""
        sent = {name: value for name, value in (delivery.headers | headers).items() if value}
        return urllib3.request("POST", self.url, body=delivery.body, headers=sent, retries=False, timeout=10.0).status


def sha(task: int, number: int) -> str:
    """The commit of a task's nth push."""
    return hashlib.sha1(f"{task} {number}".encode(), usedforsecurity=False).hexdigest()
