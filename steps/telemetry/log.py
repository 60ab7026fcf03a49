"""The log: one JSON object per line on standard output, one line per decision.

Guarantees that every line of a step has its ids, and that the log has only fields that a caller named: no payload, no
header, no exception arguments of libraries.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from steps.core import format_micro_time

if TYPE_CHECKING:
    from steps.core import Clock

LogValue = str | int | float | bool | None | list[str]


class Log:
    """Writes events with the bound fields."""

    def __init__(self, *, clock: Clock, stream: TextIO | None = None, bound: dict[str, LogValue] | None = None) -> None:
        self._clock = clock
        self._stream = stream or sys.stdout
        self._bound = bound or {}

    def bind(self, **fields: LogValue) -> Log:
        """Return a log that adds these fields to every line."""
        return Log(clock=self._clock, stream=self._stream, bound=self._bound | fields)

    def info(self, event: str, **fields: LogValue) -> None:
        """Log an event or a decision."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: LogValue) -> None:
        """Log a problem that a person may want to check."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: LogValue) -> None:
        """Log that the step failed."""
        self._write("error", event, fields)

    def unexpected(self, error: Exception, **fields: LogValue) -> None:
        """Log an error that the code did not foresee: its type and its places in the code.

        Never its text, because the text could quote a payload.
        """
        where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        self.error("unexpected error: please report it", error=type(error).__name__, where=where, **fields)

    def _write(self, level: str, event: str, fields: dict[str, LogValue]) -> None:
        line = {"time": format_micro_time(self._clock.now()), "level": level, "event": event} | self._bound | fields
        # One call to write: threads share the stream.
        self._stream.write(json.dumps(line, ensure_ascii=True) + "\n")
        self._stream.flush()
