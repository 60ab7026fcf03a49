"""The findings of `doctor`, for people and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from pipelines.cli.views.fitting import Column, fit_table
from pipelines.cli.views.output import open_console, print_whole
from pipelines.doctor import CheckStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.doctor import CheckResult

_COLOURS = {
    CheckStatus.OK: "green",
    CheckStatus.INFO: "blue",
    CheckStatus.WARNING: "yellow",
    CheckStatus.WRONG: "red",
    CheckStatus.UNKNOWN: "magenta",
}


def print_findings(findings: Sequence[CheckResult], *, as_json: bool) -> None:
    """Print every finding."""
    if as_json:
        print(json.dumps([asdict(each) for each in findings], indent=1))
        return
    columns = (Column(name="CHECK"), Column(name="VERDICT"), Column(name="FOUND", wraps=True))
    rows = [
        (
            Text(each.check),
            Text(each.status, style=_COLOURS[each.status]),
            Text(each.found + (f"\n→ {each.fix}" if each.fix else "")),
        )
        for each in findings
    ]
    console = open_console()
    print_whole(console, fit_table(columns, rows, width=console.width))
