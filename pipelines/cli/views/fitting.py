"""Tables that fit into a terminal by leaving out columns. Pure.

Guarantees that no word of a kept column is broken as long as the columns of rank 0 fit with their longest words. Text
that wraps does so between words. What was left out is said below the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

_GAP = 2
# A wrapped text that is narrower than this is hard to read.
_READABLE = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        rank: 0 is always shown; of the others the highest is left out first.
        wraps: Its text may take several lines.
    """

    name: str
    rank: int = 0
    wraps: bool = False


def fit_table(columns: Sequence[Column], rows: Sequence[Sequence[Text]], *, width: int) -> RenderableType:
    """Build a table that is at most as wide as given.

    Args:
        columns: All columns.
        rows: One text for each column.
        width: Columns of the terminal.
    """
    needed = [_needed(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    shown = list(range(len(columns)))
    while sum(needed[place] + _GAP for place in shown) - _GAP > width:
        last = max(shown, key=lambda place: columns[place].rank)
        if columns[last].rank == 0:
            break
        shown.remove(last)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), collapse_padding=True)
    for place in shown:
        column = columns[place]
        table.add_column(column.name, overflow="fold", min_width=min(needed[place], width))
    for row in rows:
        table.add_row(*(row[place] for place in shown))
    left_out = [column.name for place, column in enumerate(columns) if place not in shown]
    if not left_out:
        return table
    return Group(table, Text(f"({width} columns are too few for {', '.join(left_out)}; --json has all)", style="dim"))


def _needed(column: Column, cells: Sequence[Text]) -> int:
    """Count what a column needs so that no word of it is broken."""
    header, lines = cell_len(column.name), [line for cell in cells for line in cell.plain.splitlines()]
    whole = max([header, *map(cell_len, lines)])
    if not column.wraps:
        return whole
    word = max([header, *(cell_len(word) for line in lines for word in line.split())])
    return min(whole, max(word, _READABLE))
