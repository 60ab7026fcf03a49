"""Crashes at a chosen call: nothing of the process runs any more, and no clean-up either.

Guarantees: exactly the nth call to GitHub crashes, before it is sent or once it has been answered. Calls to Kubernetes
crash by the double's own faults, with `raise_crash` as the hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steps.github.client import GitHub

if TYPE_CHECKING:
    import pytest


class Crash(BaseException):
    """The process is gone: not an Exception, which a step would deal with."""


def raise_crash(_: object = None) -> None:
    """Crash."""
    raise Crash


def crash_at_github(monkeypatch: pytest.MonkeyPatch, *, call: int, moment: str) -> None:
    """Let the nth call to GitHub crash.

    Args:
        monkeypatch: Takes it back.
        call: Which, from 1.
        moment: `before` it is sent, or `after` it has been answered.
    """
    real, seen = GitHub._ask, iter(range(1, 1000))

    def ask(self: GitHub, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
        now = next(seen)
        if (now, moment) == (call, "before"):
            raise Crash
        answer = real(self, *arguments, **more)
        if (now, moment) == (call, "after"):
            raise Crash
        return answer

    monkeypatch.setattr(GitHub, "_ask", ask)
