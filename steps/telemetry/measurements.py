"""Measurements of a step: one small file each. Argo reads the files as outputs of the pod and turns them into metrics.

Guarantees that measuring never fails a step, and that a word is from a fixed set, because it becomes a metric's label.
pipelines.observability.metrics defines the metrics. Not guaranteed: that a number arrives. A lost pod writes none.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Name of the environment variable with the directory.
MEASUREMENTS_ENV = "MEASUREMENTS"
# Value of a number that was not measured.
NOT_MEASURED = "-1"
# Name of any error that is not a StepError.
UNEXPECTED_ERROR = "Unexpected"
# Name of the report's file and of its output.
REPORT = "report"
# The report of a pod that wrote none.
NO_REPORT = "no report"


class Measure(StrEnum):
    """Measurements of a push. The value names the file and the output. Reconcile has `ReconcileMetric`."""

    OUTCOME = "outcome"
    ERROR = "error"
    START_S = "start-seconds"
    LEASE_S = "lease-seconds"
    GONE_S = "gone-seconds"
    FINISHED_S = "finished-seconds"
    STOPPED = "stopped"
    KEPT_BY_MARK = "kept-by-mark"
    GITHUB_ANSWERED = "github-answered"
    GITHUB_FAILED = "github-failed"
    GITHUB_S = "github-seconds"


class CancellationResult(StrEnum):
    """How a cancellation ended that did not fail."""

    COMPLETED = "completed"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    DRY_RUN = "dry-run"


class Measurements:
    """The measurements of one pod."""

    def __init__(self, *, folder: Path | None = None) -> None:
        """Create the measurements.

        Args:
            folder: Directory on a volume of the pod; None keeps them in memory only.
        """
        self._folder = folder
        self._lock = Lock()
        self.values: dict[str, str] = {}

    def set_label(self, what: str, value: StrEnum) -> None:
        """Write a word from a fixed set. It becomes a metric's label."""
        with self._lock:
            self._write(what, value)

    def report(self, text: str) -> None:
        """Write the report. People read it; it becomes no metric.

        Args:
            text: A few lines from steps.cancellation.report.
        """
        with self._lock:
            self._write(REPORT, text)

    def failed(self, error: str) -> None:
        """Write the error that failed the step.

        Args:
            error: Name of a StepError's type, a small set.
        """
        with self._lock:
            self._write(Measure.ERROR, error)

    def set(self, what: str, value: float) -> None:
        """Write a number. A negative one comes from clocks that differ, and is written as 0."""
        with self._lock:
            self._write(what, f"{max(0.0, value):.3f}")

    def add(self, what: str, value: float) -> None:
        """Add to a number."""
        with self._lock:
            self._write(what, f"{float(self.values.get(what, 0.0)) + value:.3f}")

    def _write(self, what: str, text: str) -> None:
        self.values[what] = text
        if self._folder is None:
            return
        try:
            # Renamed into place, so that a killed process never leaves half a number.
            temporary = self._folder / f".{what}"
            temporary.write_text(text)
            temporary.replace(self._folder / what)
        except OSError:
            return


def measurements_from_env(env: Mapping[str, str] = os.environ) -> Measurements:
    """Create the measurements of this pod. If the environment names no directory, they stay in memory."""
    folder = env.get(MEASUREMENTS_ENV)
    return Measurements(folder=Path(folder) if folder else None)
