"""Logs: one JSON object a line on standard output, one line a decision.

Guarantees that every line of a step carries the ids to follow it by, and that nothing is logged that a caller did not
name: no payload, no header, no exception arguments of libraries.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, TextIO

from steps.core import format_micro_time

if TYPE_CHECKING:
    from steps.core import Clock

LogValue = str | int | float | bool | None | list[str]


class Log:
    """Writes events with the fields that were bound so far."""

    def __init__(self, *, clock: Clock, stream: TextIO | None = None, bound: dict[str, LogValue] | None = None) -> None:
        self._clock = clock
        self._stream = stream or sys.stdout
        self._bound = bound or {}

    def bind(self, **fields: LogValue) -> Log:
        """A log that adds these fields to every line."""
        return Log(clock=self._clock, stream=self._stream, bound=self._bound | fields)

    def info(self, event: str, **fields: LogValue) -> None:
        """Something happened or was decided."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: LogValue) -> None:
        """A person may want to look."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: LogValue) -> None:
        """The step ends without having done its work."""
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, LogValue]) -> None:
        line = {"time": format_micro_time(self._clock.now()), "level": level, "event": event} | self._bound | fields
        # In one piece: threads write side by side.
        self._stream.write(json.dumps(line, ensure_ascii=True) + "\n")
        self._stream.flush()
