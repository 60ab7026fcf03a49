"""The table of `status`, once or again and again.

Guarantees of a watch: it redraws in place, at most as high as the terminal, and a look that fails leaves the last table
with a line that says so.
"""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from pipelines.cli.views.fitting import Column, fit_table
from pipelines.cli.views.output import open_console, print_whole
from pipelines.client import TaskPhase, age
from steps.core import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from pipelines.client import TaskStatus

EMPTY = "no cancellations yet"
COLUMNS = (
    Column(name="REPOSITORY", rank=1),
    Column(name="TASK"),
    Column(name="STATE"),
    Column(name="PUSH", rank=8),
    Column(name="STOPPED", rank=4),
    Column(name="KEPT", rank=7),
    Column(name="WAITING", rank=5),
    Column(name="LABELS", rank=6),
    Column(name="TRIES", rank=9),
    Column(name="AGE", rank=2),
    Column(name="NOTE", rank=3, wraps=True),
)
_COLOURS = {
    TaskPhase.PENDING: "yellow",
    TaskPhase.IN_PROGRESS: "cyan",
    TaskPhase.INTERRUPTED: "yellow",
    TaskPhase.COMPLETED: "green",
    TaskPhase.FAILED: "red",
    TaskPhase.NO_PUSH: "yellow",
    TaskPhase.UNREADABLE: "red",
}


def status_table(statuses: Sequence[TaskStatus], *, now: datetime, width: int) -> RenderableType:
    """Build the table, one row for each task, or a sentence if there is none."""
    if not statuses:
        return Text(EMPTY)
    rows = [
        (
            Text(each.repository),
            Text(each.task),
            Text(each.state, style=_COLOURS[each.state]),
            Text(each.sha[:8]),
            Text(str(each.stopped) + (f" (+{each.unproven} not proven)" if each.unproven else "")),
            Text(str(each.kept)),
            Text(_waiting(each, now=now)),
            Text(each.labels),
            Text(str(each.attempts)),
            Text(age(each.since, now=now)),
            Text(each.note),
        )
        for each in statuses
    ]
    return fit_table(COLUMNS, rows, width=width)


def _waiting(status: TaskStatus, *, now: datetime) -> str:
    """Count the waiting Workflows and the superseded ones, with the age of the oldest that waits."""
    since = f" for {age(status.waiting_since, now=now)}" if status.waiting_since else ""
    return f"{status.waiting}{since}" + (f" (+{status.superseded} superseded)" if status.superseded else "")


def print_table(statuses: Sequence[TaskStatus], *, now: datetime) -> None:
    """Print the table once."""
    console = open_console()
    print_whole(console, status_table(statuses, now=now, width=console.width))


def watch_table(read: Callable[[], list[TaskStatus]], *, now: Callable[[], datetime], every_s: float) -> None:
    """Show the table again and again until interrupted."""
    console = open_console()
    # Without a terminal to redraw, print one table after another.
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        table: RenderableType = Text("")
        while True:
            try:
                table = shown = status_table(read(), now=now(), width=console.width)
            except UnavailableError as error:
                shown = Group(table, Text(f"not read, trying again: {error}", style="red"))
            if live:
                live.update(shown, refresh=True)
            else:
                print_whole(console, shown)
                sys.stdout.flush()
            time.sleep(every_s)
