"""What a step measured: one small file each, which Argo reads as outputs of the pod and turns into metrics.

Guarantees that measuring never fails a step, that what the pod's first container left is added to and not lost, and
that a word is one of a fixed set: it becomes a label, and each new value of a label is a series that Prometheus keeps.
What the numbers become is pipelines.observability.metrics. Not guaranteed: that a number arrives. A pod that is lost
leaves none.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where the folder is, in the containers' environment.
MEASUREMENTS_ENV = "MEASUREMENTS"
# What stands for a number that was not measured.
NOT_MEASURED = "-1"
# What an error that is not one of ours is called.
UNEXPECTED_ERROR = "Unexpected"


class Measure(StrEnum):
    """What the steps of a push measure; also the file's name and the output's (reconcile: `ReconcileMetric`)."""

    OUTCOME = "outcome"
    ERROR = "error"
    START_S = "start-seconds"
    LEASE_S = "lease-seconds"
    GONE_S = "gone-seconds"
    FINISHED_S = "finished-seconds"
    STOPPED = "stopped"
    GITHUB_ANSWERED = "github-answered"
    GITHUB_FAILED = "github-failed"
    GITHUB_S = "github-seconds"


class CancellationResult(StrEnum):
    """How a cancellation that did not fail ended."""

    COMPLETED = "completed"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    DRY_RUN = "dry-run"


class Measurements:
    """The numbers of one pod."""

    def __init__(self, *, folder: Path | None = None) -> None:
        """Know where to leave them.

        Args:
            folder: A volume of the pod's; None to keep them in memory alone.
        """
        self._folder = folder
        self._lock = Lock()
        self.values: dict[str, str] = {}

    def tell(self, what: str, value: StrEnum) -> None:
        """Leave one of a fixed set of words."""
        with self._lock:
            self._leave(what, value)

    def report(self, text: str) -> None:
        """Leave what people read: no metric is made of it.

        Args:
            text: A few lines, by steps.cancellation.report.
        """
        with self._lock:
            self._leave(REPORT, text)

    def failed(self, error: str) -> None:
        """Leave what a step failed with.

        Args:
            error: Name of one of our own errors, of which there are few.
        """
        with self._lock:
            self._leave(Measure.ERROR, error)

    def set(self, what: str, value: float) -> None:
        """Leave a number; one below 0 can only come from clocks that disagree, and is 0."""
        with self._lock:
            self._leave(what, f"{max(0.0, value):.3f}")

    def add(self, what: str, value: float) -> None:
        """Add to a number, also to one that the pod's other container has left."""
        with self._lock:
            self._leave(what, f"{self._known(what) + value:.3f}")

    def _known(self, what: str) -> float:
        if what in self.values or self._folder is None:
            return float(self.values.get(what, 0.0))
        try:
            return float((self._folder / what).read_text())
        except (OSError, ValueError):
            return 0.0

    def _leave(self, what: str, text: str) -> None:
        self.values[what] = text
        if self._folder is None:
            return
        try:
            # Renamed into place, so that a process which is killed leaves no half of a number.
            aside = self._folder / f".{what}"
            aside.write_text(text)
            aside.replace(self._folder / what)
        except OSError:
            return


def measurements_from_env(env: Mapping[str, str] = os.environ) -> Measurements:
    """The measurements of this pod; kept nowhere if the environment names no folder."""
    folder = env.get(MEASUREMENTS_ENV)
    return Measurements(folder=Path(folder) if folder else None)


# The output's name, and the file's.
REPORT = "report"


# What stands there for a pod that left none.
NO_REPORT = "no report was left"
