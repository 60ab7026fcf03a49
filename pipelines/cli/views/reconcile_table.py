"""The findings of a reconcile pass, for people and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.text import Text

from pipelines.cli.views.fitting import Column, fit_table
from pipelines.cli.views.output import open_console, print_whole
from pipelines.client import age, counted

if TYPE_CHECKING:
    from datetime import datetime

    from steps.reconciliation import PassResult

_COLUMNS = (
    Column(name="FINDING"),
    Column(name="REPOSITORY", rank=2),
    Column(name="TASK"),
    Column(name="ACTION", rank=1, wraps=True),
    Column(name="DETAIL", wraps=True),
)


def print_pass(result: PassResult, *, now: datetime, as_json: bool, dry_run: bool) -> None:
    """Print every finding, and what could not be read."""
    if as_json:
        print(json.dumps({"findings": _rows(result, now=None), "unread": list(result.unread)}, indent=1))
        return
    console, rows = open_console(), _rows(result, now=now)
    console.print(f"{counted(len(rows), 'finding')}{_done(result, dry_run=dry_run)}")
    if rows:
        print_whole(console, fit_table(_COLUMNS, [_cells(row) for row in rows], width=console.width))
    for problem in result.unread:
        console.print(f"not read: {problem}")


def _done(result: PassResult, *, dry_run: bool) -> str:
    """Say what was not done, after the number of findings."""
    if dry_run:
        return ", nothing was done" if result.repairs or result.idle else ""
    return f", {counted(result.failures, 'repair')} failed" if result.failures else ""


def _rows(result: PassResult, *, now: datetime | None) -> list[dict[str, str]]:
    """List the findings, one row each, with times relative to `now`; without it, as they are."""
    repairs = [
        {
            "finding": str(finding.kind),
            "repository": finding.repository,
            "task": finding.task,
            "action": str(each.planned.action) + (f" ({each.planned.reason})" if each.planned.reason else ""),
            "detail": finding.detail,
            "advice": finding.advice,
            "problem": each.problem,
        }
        for each in result.repairs
        for finding in (each.planned.finding,)
    ]
    idle = [
        {
            "finding": "idle",
            "repository": each.task_state.repository,
            "task": each.task_state.task,
            "action": "delete the Lease",
            "detail": _last_used(each.task_state.renewed_at, now=now),
            "advice": "",
            "problem": each.problem,
        }
        for each in result.idle
    ]
    return repairs + idle


def _last_used(at: datetime | None, *, now: datetime | None) -> str:
    return f"last used {age(at, now=now)} ago" if now else f"last used at {at}"


def _cells(row: dict[str, str]) -> list[Text]:
    """Make the cells of one finding, with the failure of its repair and the advice below its detail."""
    detail = row["detail"] + (f"\nnot done: {row['problem']}" if row["problem"] else "")
    detail += f"\n→ {row['advice']}" if row["advice"] else ""
    return [Text(each) for each in (row["finding"], row["repository"], row["task"], row["action"], detail)]
