"""The platform's CodeRun controller, whose Jobs run real pods.

Guarantees: everything of tests.doubles.platform.controller; the pods trap SIGTERM, tell the witness, and end.
Not guaranteed: that an agent does anything else.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.cluster.witness import AGENT, Witness
from tests.doubles.platform.client import JsonObject
from tests.doubles.platform.controller import Controller


@dataclass(slots=True, kw_only=True)
class PodController(Controller):
    """A controller of the CodeRuns in one namespace."""

    image: str
    witness: Witness
    exit_after_s: float = 0.0

    def job(self, run: JsonObject) -> JsonObject:
        """Return the Job of a run."""
        # Not super(): a dataclass with slots is a second class, which super() does not know.
        job = Controller.job(self, run)
        name, witness = job["metadata"]["name"], self.witness
        arguments = [name, witness.host, str(witness.port), str(self.exit_after_s)]
        job["spec"]["template"]["spec"]["containers"] = [
            {
                "name": "agent",
                "image": self.image,
                "imagePullPolicy": "Never",
                "command": ["python3", "-c", AGENT, *arguments],
            }
        ]
        return job
