"""Where cancellations stand: which agents a push stopped, what waits, what failed.

    agent-cancellation status [TASK] [--watch] [--json]

Reads Leases and Workflows through the kubeconfig, and writes nothing. Exits with 0, or with 1 if a task was named that
nothing is known of.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines.cli import parsers
from pipelines.cli.output import age, open_console
from pipelines.client import (
    TaskPhase,
    TaskStatus,
    kube_client,
    kubeconfig_transport,
    read_task_statuses,
    server_time,
    task_status_json,
)
from pipelines.settings import read_settings
from steps.core import Exit, StepError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime


_EVERY_S = 2.0
_COLUMNS = ("REPOSITORY", "TASK", "STATE", "PUSH", "STOPPED", "KEPT", "WAITING", "LABELS", "TRIES", "AGE", "NOTE")
_COLOURS = {
    TaskPhase.PENDING: "yellow",
    TaskPhase.IN_PROGRESS: "cyan",
    TaskPhase.INTERRUPTED: "yellow",
    TaskPhase.COMPLETED: "green",
    TaskPhase.FAILED: "red",
    TaskPhase.UNREADABLE: "red",
}


def table(found: Sequence[TaskStatus], *, now: datetime) -> Table:
    """The same for people."""
    shown = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        shown.add_column(column, overflow="fold")
    for each in found:
        shown.add_row(
            each.repository,
            each.task,
            Text(each.state, style=_COLOURS[each.state]),
            each.sha[:8],
            str(each.stopped) + (f" (+{each.unproven} not proven)" if each.unproven else ""),
            str(each.kept),
            str(each.waiting) + (f" (+{each.superseded} superseded)" if each.superseded else ""),
            each.labels,
            str(each.attempts),
            age(each.since, now=now),
            each.note,
        )
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, and show; returns the exit code."""
    options = parsers.status().parse_args(arguments)
    try:
        settings, by = read_settings(options.settings), kubeconfig_transport()
        kube = kube_client(settings, by=by)
        found = partial(read_task_statuses, settings, kube=kube, task=options.task)
        if options.json:
            return _lines(found, watch=options.watch)
        now = partial(server_time, by, timeout_s=settings.kubernetes.timeout_s)
        return _watched(found, now=now) if options.watch else _shown(found(), task=options.task, now=now())
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    except KeyboardInterrupt:
        return Exit.DONE


def _lines(found: Callable[[], list[TaskStatus]], *, watch: bool) -> int:
    """JSON: one document, or a line each time."""
    while True:
        seen = found()
        print(json.dumps([task_status_json(each) for each in seen], indent=None if watch else 1), flush=True)
        if not watch:
            return Exit.DONE
        time.sleep(_EVERY_S)


def _watched(found: Callable[[], list[TaskStatus]], *, now: Callable[[], datetime]) -> int:
    console = open_console()
    # Where there is no terminal to draw on, one table after the other.
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        while True:
            shown = table(found(), now=now())
            if live:
                live.update(shown, refresh=True)
            else:
                console.print(shown)
            time.sleep(_EVERY_S)


def _shown(found: list[TaskStatus], *, task: str, now: datetime) -> int:
    if found:
        open_console().print(table(found, now=now))
        return Exit.DONE
    print(f"nothing is known of task {task}" if task else "no cancellations yet", file=sys.stderr)
    return Exit.BUG if task else Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
