"""The findings of a reconcile pass, for people and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from pipelines.cli.views.output import open_console

if TYPE_CHECKING:
    from steps.reconciliation import PassResult


def print_pass(result: PassResult, *, as_json: bool, dry_run: bool) -> None:
    """Print every finding, and what could not be read."""
    if as_json:
        print(json.dumps({"findings": _rows(result), "unread": list(result.unread)}, indent=1))
        return
    console = open_console()
    console.print(_table(_rows(result), dry_run=dry_run))
    for problem in result.unread:
        console.print(f"not read: {problem}")


def _rows(result: PassResult) -> list[dict[str, str]]:
    """List the findings, one row each."""
    repairs = [
        {
            "finding": str(repair.finding.kind),
            "repository": repair.finding.repository,
            "task": repair.finding.task,
            "action": str(repair.action) + (f" ({repair.reason})" if repair.reason else ""),
            "detail": repair.finding.detail,
            "advice": repair.finding.advice,
        }
        for repair in result.repairs
    ]
    idle = [
        {
            "finding": "idle",
            "repository": task_state.repository,
            "task": task_state.task,
            "action": "delete the Lease",
            "detail": f"last used at {task_state.renewed_at}",
            "advice": "",
        }
        for task_state in result.idle
    ]
    return repairs + idle


def _table(rows: list[dict[str, str]], *, dry_run: bool) -> Table:
    title = f"{len(rows)} findings" + (", nothing was done" if dry_run else "")
    table = Table(title=title, title_justify="left")
    for column in ("finding", "repository", "task", "action", "detail"):
        table.add_column(column, overflow="fold")
    for row in rows:
        detail = row["detail"] + (f"\n→ {row['advice']}" if row["advice"] else "")
        table.add_row(row["finding"], row["repository"], row["task"], row["action"], detail)
    return table
