"""The platform's CodeRun controller, whose Jobs run real pods.

Guarantees: everything of tests.doubles.platform.controller; the pods report when they work, when they
get SIGTERM and when they end (`AgentReports`); how they behave is their run's `AgentBehaviour`; an API server that does
not answer, or not yet, is asked again. Not guaranteed: that an agent does anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

import urllib3

from tests.doubles.platform.client import JsonObject, RefusedError
from tests.doubles.platform.controller import Controller
from tests.doubles.platform.platform import runs_path
from tests.e2e.support.agent_reports import AGENT, AgentReports

_PREFIX = "tests.agent-cancellation/"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentBehaviour:
    """How an agent behaves; its run carries it as annotations."""

    exit_after_s: float = 0.0
    """How long it goes on after SIGTERM."""
    works_for_s: float = 86_400.0
    """When it ends by itself, successfully."""
    grace_s: float = 30.0
    """What its pod asks the kubelet for, from SIGTERM to SIGKILL."""

    def annotations(self) -> dict[str, str]:
        """What the run carries."""
        return {f"{_PREFIX}{name}": str(value) for name, value in asdict(self).items()}


def behaviour_of(annotations: Mapping[str, str]) -> AgentBehaviour:
    """Read the behaviour from a run's annotations."""
    values = {
        name.removeprefix(_PREFIX): float(value) for name, value in annotations.items() if name.startswith(_PREFIX)
    }
    return AgentBehaviour(**values)


@dataclass(slots=True, kw_only=True)
class PodController(Controller):
    """A controller of the CodeRuns in one namespace."""

    image: str
    agent_reports: AgentReports
    seen: frozenset[tuple[str, str]] = frozenset()

    def step(self) -> None:
        """Process every run once, if anything changed: a real controller watches instead of listing."""
        # An API server that has just started refuses everybody for a moment: it does not know the roles yet.
        with suppress(urllib3.exceptions.HTTPError, RefusedError):
            found = [each for path in (runs_path(self.namespace), self._jobs()) for each in self._listed(path)]
            seen = frozenset((each["metadata"]["uid"], each["metadata"]["resourceVersion"]) for each in found)
            if seen != self.seen:
                # Not super(): a dataclass with slots is a second class, which super() does not know.
                Controller.step(self)
                self.seen = seen

    def _listed(self, path: str) -> list[JsonObject]:
        found: list[JsonObject] = self.client.ask("GET", path)["items"]
        return found

    def job(self, run: JsonObject) -> JsonObject:
        """Return the Job of a run."""
        job = Controller.job(self, run)
        name, agent_reports = job["metadata"]["name"], self.agent_reports
        how = behaviour_of(run["metadata"].get("annotations") or {})
        arguments = [name, agent_reports.host, str(agent_reports.port), str(how.exit_after_s), str(how.works_for_s)]
        spec = job["spec"]["template"]["spec"]
        spec["terminationGracePeriodSeconds"] = int(how.grace_s)
        spec["containers"] = [
            {
                "name": "agent",
                "image": self.image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["python3", "-c", AGENT, *arguments],
            }
        ]
        return job
