"""The outcome of a play: moments, agents before and after, labels, record, and whether it ended as it has to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from steps.telemetry.audit import AUDIT_EVENT as AUDIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.doubles.argo_workflows import Process

# Agent and phase of each run, by name. The first word of a name is the run's part in the play.
State = dict[str, tuple[str, str]]
STALE, LEFT = ("tess-tests", "cleo-quality"), ("rex-implements", "newer-tess")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the timeline."""

    at: float
    who: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the play came to."""

    task: int
    pull_request: int
    moments: tuple[Moment, ...]
    before: State
    after: State
    labels_before: tuple[str, ...]
    labels_after: tuple[str, ...]
    record: dict[str, Any]
    processes: tuple[Process, ...]

    @property
    def good(self) -> bool:
        """Whether everything is as it has to be."""
        left = {name.partition("-")[0] for name in self.after}
        right = {"remediation-in-progress", f"task-{self.task}"}
        done = all(process.exit_code == 0 for process in self.processes) and self.record["phase"] == "completed"
        return done and left == {"rex", "newer"} and set(self.labels_after) == right


def said(processes: tuple[Process, ...], *, began: float) -> Iterator[Moment]:
    """What the steps logged, as moments; without the audit, which repeats what was written."""
    for process in processes:
        for fields in map(json.loads, process.output.splitlines()):
            if fields["event"] == AUDIT:
                continue
            run = f": {fields['run']} ({fields['reason']})" if {"run", "reason"} <= fields.keys() else ""
            at = datetime.fromisoformat(fields["time"]).timestamp() - began
            yield Moment(at=at, who=process.container, what=fields["event"] + run)
