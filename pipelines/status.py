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
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines import laptop, parsers
from pipelines.settings import read
from pipelines.standing import Standing, State, standings
from steps.errors import Exit, StepError
from steps.hold import PREFIX, TASK
from steps.kube import LEASES, WORKFLOWS
from steps.ledger import read_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pipelines.settings import Settings
    from steps.kube import Kube

_EVERY_S = 2.0
_COLUMNS = ("REPOSITORY", "TASK", "STATE", "PUSH", "STOPPED", "KEPT", "WAITING", "LABELS", "TRIES", "AGE", "NOTE")
_COLOURS = {
    State.PENDING: "yellow",
    State.IN_PROGRESS: "cyan",
    State.INTERRUPTED: "yellow",
    State.COMPLETED: "green",
    State.FAILED: "red",
    State.UNREADABLE: "red",
}


def look(settings: Settings, *, kube: Kube, task: str = "") -> list[Standing]:
    """Every task's standing, or one task's.

    Raises:
        StepError: The API server refuses or does not answer.
    """
    home, only = settings.namespaces.workflows, f",{TASK}={task}" if task else ""
    ledgers = kube.list(LEASES, namespace=home, labels=f"app.kubernetes.io/managed-by={PREFIX}{only}")
    workflows = kube.list(WORKFLOWS, namespace=home, labels=f"{TASK}{f'={task}' if task else ''}", metadata_only=True)
    return list(standings([read_ledger(body) for body in ledgers], list(workflows)))


def as_json(standing: Standing) -> dict[str, Any]:
    """A standing for machines."""
    values = asdict(standing)
    del values["record"]
    return values | {"since": standing.since.isoformat() if standing.since else None}


def age(since: datetime | None, *, now: datetime) -> str:
    """How long ago, in the one unit that tells most, as kubectl says it."""
    seconds = int(max((now - since).total_seconds(), 0)) if since else 0
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s" if since else ""


def table(found: Sequence[Standing], *, now: datetime) -> Table:
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
        settings, by = read(options.settings), laptop.transport()
        kube = laptop.kube(settings, by=by)
        found = partial(look, settings, kube=kube, task=options.task)
        if options.json:
            return _lines(found, watch=options.watch)
        now = partial(laptop.server_time, by, timeout_s=settings.kubernetes.timeout_s)
        return _watched(found, now=now) if options.watch else _shown(found(), task=options.task, now=now())
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    except KeyboardInterrupt:
        return Exit.DONE


def _lines(found: Callable[[], list[Standing]], *, watch: bool) -> int:
    """JSON: one document, or a line each time."""
    while True:
        seen = found()
        print(json.dumps([as_json(each) for each in seen], indent=None if watch else 1), flush=True)
        if not watch:
            return Exit.DONE
        time.sleep(_EVERY_S)


def _watched(found: Callable[[], list[Standing]], *, now: Callable[[], datetime]) -> int:
    console = laptop.console()
    # Where there is no terminal to draw on, one table after the other.
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        while True:
            shown = table(found(), now=now())
            if live:
                live.update(shown, refresh=True)
            else:
                console.print(shown)
            time.sleep(_EVERY_S)


def _shown(found: list[Standing], *, task: str, now: datetime) -> int:
    if found:
        laptop.console().print(table(found, now=now))
        return Exit.DONE
    print(f"nothing is known of task {task}" if task else "no cancellations yet", file=sys.stderr)
    return Exit.BUG if task else Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
