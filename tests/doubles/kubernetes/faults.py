"""The record of calls, and the planned faults for some of them.

Guarantees: a fault applies to exactly the requests that it names, counted from when it was added; "request" is lost
before it has any effect, "reply" after it took effect.
"""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tests.doubles.kubernetes.errors import ApiError
from tests.doubles.kubernetes.messages import Request, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as the server saw it; status 0 means that the client got no answer."""

    sequence: int
    at: datetime
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    status: int
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to the `nth` request that matches, and to the next ones if `times` is above one (0: for ever).

    `body` is an answer in the server's place. `path` and `user_agent` are searched for as regular expressions; `path`
    sees `path?query`. `before` and `after` are called around the effect, without the server's lock: they may write,
    wait or raise. `ahead_s` is by how much the clock of the server that answers is ahead, in its `Date`.
    """

    method: str = ""
    path: str = ""
    user_agent: str = ""
    nth: int = 1
    times: int = 1
    delay_s: float = 0.0
    ahead_s: float = 0.0
    lose: Literal["", "request", "reply"] = ""
    status: int = 0
    reason: str = ""
    message: str = "injected"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    before: Callable[[Request], object] | None = None
    after: Callable[[Request], object] | None = None

    def matches(self, request: Request) -> bool:
        """Whether the fault names this request."""
        target = request.path + "?" + "&".join(f"{key}={value}" for key, value in request.query.items())
        return (
            self.method in {"", request.method}
            and re.search(self.path, target) is not None
            and re.search(self.user_agent, request.header("User-Agent")) is not None
        )

    def response(self) -> Response | None:
        """Return the answer that takes the server's place, if the fault has one: these bytes, or a refusal."""
        if self.body is not None:
            return Response(status=self.status or 200, headers=self.headers, body=self.body)
        error = ApiError(code=self.status, reason=self.reason, message=self.message, headers=self.headers)
        return error.response() if self.status else None


@dataclass(slots=True, kw_only=True)
class _Planned:
    fault: Fault
    seen: int = 0
    applied: int = 0


class FaultPlan:
    """Planned faults and those that were applied."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Plan faults; each counts its own matching requests from now on."""
        with self._lock:
            self._planned += [_Planned(fault=fault) for fault in faults]

    def clear(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._planned.clear()

    @property
    def applied(self) -> int:
        """Count how often any fault was applied."""
        return sum(each.applied for each in self._planned)

    def take(self, request: Request) -> list[Fault]:
        """Return the faults that apply to this request, and count it."""
        hits = []
        with self._lock:
            for each in self._planned:
                if not each.fault.matches(request):
                    continue
                each.seen += 1
                last = each.fault.nth + each.fault.times - 1
                if each.seen >= each.fault.nth and (not each.fault.times or each.seen <= last):
                    each.applied += 1
                    hits.append(each.fault)
        return hits
