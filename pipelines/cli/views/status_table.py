"""The table of `status`, once or again and again."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines.cli.views.output import age, open_console
from pipelines.client import TaskPhase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pipelines.client import TaskStatus

COLUMNS = ("REPOSITORY", "TASK", "STATE", "PUSH", "STOPPED", "KEPT", "WAITING", "LABELS", "TRIES", "AGE", "NOTE")
_COLOURS = {
    TaskPhase.PENDING: "yellow",
    TaskPhase.IN_PROGRESS: "cyan",
    TaskPhase.INTERRUPTED: "yellow",
    TaskPhase.COMPLETED: "green",
    TaskPhase.FAILED: "red",
    TaskPhase.UNREADABLE: "red",
}


def status_table(statuses: Sequence[TaskStatus], *, now: datetime) -> Table:
    """Build the table, one row for each task."""
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for each in statuses:
        table.add_row(
            each.repository,
            each.task,
            Text(each.state, style=_COLOURS[each.state]),
            each.sha[:8],
            str(each.stopped) + (f" (+{each.unproven} not proven)" if each.unproven else ""),
            str(each.kept),
            _waiting(each, now=now),
            each.labels,
            str(each.attempts),
            age(each.since, now=now),
            each.note,
        )
    return table


def _waiting(status: TaskStatus, *, now: datetime) -> str:
    """Count the waiting Workflows and the superseded ones, with the age of the oldest that waits."""
    since = f" for {age(status.waiting_since, now=now)}" if status.waiting_since else ""
    return f"{status.waiting}{since}" + (f" (+{status.superseded} superseded)" if status.superseded else "")


def print_table(statuses: Sequence[TaskStatus], *, now: datetime) -> None:
    """Print the table once."""
    open_console().print(status_table(statuses, now=now))


def watch_table(read: Callable[[], list[TaskStatus]], *, now: Callable[[], datetime], every_s: float) -> None:
    """Show the table again and again until interrupted."""
    console = open_console()
    # Without a terminal to redraw, print one table after another.
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        while True:
            table = status_table(read(), now=now())
            if live:
                live.update(table, refresh=True)
            else:
                console.print(table)
            time.sleep(every_s)
