"""Planned faults: the Nth matching request meets a fault, or a test's own action.

Guarantees: each rule counts its own matches, so rules do not disturb one another; the first rule that is due wins.
Does not: decide by chance. A random plan is a test's business, with a seed of its own.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Literal

from tests.doubles.github.limits import Usage, primary_refusal, secondary_refusal
from tests.doubles.github.messages import ApiError, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Moment = Literal["before", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How a request goes wrong. Without `answer` the connection drops, unless the fault is only a delay or headers."""

    applied: bool
    """Whether the operation takes effect although the answer says that it failed."""
    delay_s: float = 0.0
    drops: bool = False
    answer: Callable[[float], Response] | None = None
    """Builds the false answer from the clock's time."""
    headers: Callable[[float], Mapping[str, str]] = lambda _: {}
    """Builds headers of a true answer from the clock's time."""


def delay(seconds: float) -> Fault:
    """Answer correctly, but late."""
    return Fault(applied=True, delay_s=seconds)


def dated(seconds: float) -> Fault:
    """Answer correctly, from a server whose clock is behind by these seconds, or ahead by them if they are negative."""
    return Fault(applied=True, headers=lambda now: {"date": formatdate(now - seconds, usegmt=True)})


def cached(seconds: float) -> Fault:
    """Let a cache answer with the date of what it fetched these seconds ago."""
    return Fault(
        applied=True,
        headers=lambda now: {"date": formatdate(now - seconds, usegmt=True), "age": str(round(seconds))},
    )


def reset() -> Fault:
    """Drop the connection before anything happened."""
    return Fault(applied=False, drops=True)


def reply_lost() -> Fault:
    """Do what was asked, then drop the connection."""
    return Fault(applied=True, drops=True)


def fail(status: int = 502, *, applied: bool = False) -> Fault:
    """Answer with a server error, before or after the operation took effect."""
    message = {500: "Server Error", 502: "Server Error", 503: "Service unavailable"}.get(status, "Server Error")
    return Fault(applied=applied, answer=lambda _: ApiError(status=status, message=message).response())


def answered(
    body: str, *, status: int = 200, kind: str = "text/html", headers: Mapping[str, str] | None = None
) -> Fault:
    """Let somebody else answer: a proxy, a portal, a login page; or cut an answer off."""
    response = Response(status=status, headers={"content-type": kind, **(headers or {})}, body=body.encode())
    return Fault(applied=False, answer=lambda _: response)


def refused(status: int, message: str) -> Fault:
    """Refuse in GitHub's shape, with this text."""
    return Fault(applied=False, answer=lambda _: ApiError(status=status, message=message).response())


def secondary_limited(*, status: int = 403, retry_after: int | None = None) -> Fault:
    """Refuse by the secondary limit, with or without Retry-After."""
    return Fault(
        applied=False,
        answer=lambda _: secondary_refusal(status=status, retry_after=retry_after).response(),
    )


def primary_limited(*, status: int = 403, reset_in_s: float = 60) -> Fault:
    """Refuse by the primary limit, which ends at x-ratelimit-reset."""

    def answer(now: float) -> Response:
        usage = Usage(limit=5000, used=5000, reset=int(now + reset_in_s))
        return primary_refusal(who="user:1", usage=usage, status=status, now=now).response()

    return Fault(applied=False, answer=answer)


@dataclass(slots=True, kw_only=True)
class _Rule:
    method: str | None
    path: re.Pattern[str]
    first: int
    last: float
    seen: int = 0

    def due(self, request: Request) -> bool:
        if self.method not in {None, request.method} or not self.path.search(request.path):
            return False
        self.seen += 1
        return self.first <= self.seen <= self.last


@dataclass(slots=True, kw_only=True)
class Plan:
    """The faults and actions that a test has arranged."""

    _faults: list[tuple[_Rule, Fault]] = field(default_factory=list)
    _actions: dict[Moment, list[tuple[_Rule, Callable[[], object]]]] = field(
        default_factory=lambda: {"before": [], "after": []}
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, fault: Fault, *, method: str | None = None, path: str = "", nth: int = 1, times: float = 1) -> None:
        """Let `times` matching requests from the `nth` on meet the fault; `path` is searched as a pattern."""
        rule = _Rule(method=method, path=re.compile(path), first=nth, last=nth + times - 1)
        with self._lock:
            self._faults.append((rule, fault))

    def action(
        self,
        moment: Moment,
        do: Callable[[], object],
        *,
        method: str | None = None,
        path: str = "",
        nth: int = 1,
        times: float = 1,
    ) -> None:
        """Call `do` before a matching request is processed, or after its effect and before its reply."""
        rule = _Rule(method=method, path=re.compile(path), first=nth, last=nth + times - 1)
        with self._lock:
            self._actions[moment].append((rule, do))

    def next_fault(self, request: Request) -> Fault | None:
        """Count the request and give the fault that it meets."""
        with self._lock:
            due = [fault for rule, fault in self._faults if rule.due(request)]
        return due[0] if due else None

    def run_actions(self, moment: Moment, request: Request) -> None:
        """Count the request and run what is due."""
        with self._lock:
            due = [do for rule, do in self._actions[moment] if rule.due(request)]
        for do in due:
            do()

    def clear_faults(self) -> None:
        """Forget the faults; planned actions stay."""
        with self._lock:
            self._faults.clear()

    def clear(self) -> None:
        """Forget everything arranged so far."""
        with self._lock:
            self._faults.clear()
            for actions in self._actions.values():
                actions.clear()
