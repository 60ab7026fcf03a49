"""The findings of `doctor`, for people and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pipelines.cli.views.output import open_console
from pipelines.doctor import CheckStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.doctor import CheckResult

_COLOURS = {
    CheckStatus.OK: "green",
    CheckStatus.WARNING: "yellow",
    CheckStatus.WRONG: "red",
    CheckStatus.UNKNOWN: "magenta",
}


def print_findings(findings: Sequence[CheckResult], *, as_json: bool) -> None:
    """Print every finding."""
    if as_json:
        print(json.dumps([asdict(each) for each in findings], indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("CHECK", "VERDICT", "FOUND"):
        table.add_column(column, overflow="fold")
    for each in findings:
        text = Text(each.found + (f"\n→ {each.fix}" if each.fix else ""))
        table.add_row(each.check, Text(each.status, style=_COLOURS[each.status]), text)
    open_console().print(table)
