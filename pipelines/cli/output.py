"""What the commands print with: a console that respects terminals and NO_COLOR, and ages in one unit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console


def age(since: datetime | None, *, now: datetime) -> str:
    """How long ago, in the one unit that tells most, as kubectl says it."""
    seconds = int(max((now - since).total_seconds(), 0)) if since else 0
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s" if since else ""


# What is piped or logged is not folded to the width of somebody's terminal.
_WIDTH = 150


def open_console(*, width: int = _WIDTH) -> Console:
    """Where tables for people go: plain text without a terminal, or if NO_COLOR is set.

    Args:
        width: Columns, if there is no terminal that says.
    """
    from rich.console import Console  # noqa: PLC0415 - what prints JSON does without

    return Console(width=None if sys.stdout.isatty() else width, markup=False, highlight=False)
