"""The console of the commands, which respects terminals and NO_COLOR, and prints tables.

Guarantees that output without a terminal has whole lines: one row of a table is one line, whatever its width, without
spaces at its end. In a terminal nothing is wider than it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# Piped or logged output must not be folded to the width of a terminal.
_UNFOLDED = 100_000


def open_console() -> Console:
    """Open the console: plain text without a terminal, or if NO_COLOR is set."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _UNFOLDED, markup=False, highlight=False)


def print_whole(console: Console, content: RenderableType) -> None:
    """Print a table; without a terminal, without the spaces that fill its last column."""
    if console.width < _UNFOLDED:
        console.print(content)
        return
    with console.capture() as captured:
        console.print(content)
    for line in captured.get().splitlines():
        print(line.rstrip())
