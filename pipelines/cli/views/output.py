"""The console of the commands, which respects terminals and NO_COLOR, and ages in one unit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console


def age(since: datetime | None, *, now: datetime) -> str:
    """Format an age in one unit, as kubectl does."""
    seconds = int(max((now - since).total_seconds(), 0)) if since else 0
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s" if since else ""


# Piped or logged output must not be folded to the width of a terminal.
_WIDTH = 150


def open_console(*, width: int = _WIDTH) -> Console:
    """Open the console for tables: plain text without a terminal, or if NO_COLOR is set.

    Args:
        width: Columns to use without a terminal.
    """
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else width, markup=False, highlight=False)
