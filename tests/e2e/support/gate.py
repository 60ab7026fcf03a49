"""A gate on the way to GitHub: a request that arrives there waits, and a test knows that it has.

Guarantees: only the first matching request waits; the gate is open when the context is left. Not guaranteed: that the
client is still there by then; it waits for ten seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.doubles.github import GitHub

_LONGEST_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def held(self) -> None:
        """Make callers wait until the gate is opened."""
        self.reached.set()
        self.opened.wait(_LONGEST_S)


@contextmanager
def gate(github: GitHub, *, method: str, path: str) -> Iterator[Gate]:
    """Put up a gate for the next matching request."""
    made = Gate()
    github.before(made.held, method=method, path=path)
    try:
        yield made
    finally:
        made.opened.set()
