"""The double itself: state, rules and records behind one `handle`, with the handles that tests and the demo pull.

Guarantees: thread-safe; each operation is atomic; time is the injected clock's. Does not: speak HTTP (see `server`),
delay what clients see after a push (use a fault or an action), or check that a SHA exists.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from tests.doubles.github.backstage import Backstage
from tests.doubles.github.endpoints import route
from tests.doubles.github.faults import Fault, Plan
from tests.doubles.github.limits import Limits
from tests.doubles.github.messages import ApiError, Call, ConnectionDropped, Request, Response
from tests.doubles.github.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable

_BY_APPS = re.compile(r"/app(/.*)?")
"""What Apps ask for in their own name, with a JWT instead of a token."""
_FREE = {"/rate_limit"}
"""What the primary limit does not count."""


class GitHub(Backstage):
    """A GitHub that records every request and can misbehave on request."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
        primary_limit: int = 5000,
        secondary_points: int | None = None,
    ) -> None:
        super().__init__(clock=clock)
        self._sleep = sleep
        self._serial = itertools.count(1)
        self.limits = Limits(clock=clock, primary=primary_limit, secondary_points=secondary_points)
        self.plan = Plan()
        self.calls: list[Call] = []

    # What clients do.

    def handle(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            ConnectionDropped: when a fault takes the connection away.
        """
        self.plan.run_actions("before", request)
        fault = self.plan.next_fault(request)
        if fault is not None and fault.delay_s:
            self._sleep(fault.delay_s)
        with self._lock:
            principal, effect = self._who(request), None
            if fault is None or fault.applied:
                effect = self._operate(request)
            seen = self._seen(fault, effect, principal=principal)
            self.calls.append(self._record(request, principal=principal, effect=effect, seen=seen))
        self.plan.run_actions("after", request)
        if seen is None:
            raise ConnectionDropped(f"{request.method} {request.path}")
        return seen

    def writes(self) -> list[Call]:
        """Give the recorded calls that could change something."""
        return [call for call in self.calls if call.is_write]

    # What a test arranges.

    def fault(self, fault: Fault, *, method: str | None = None, path: str = "", nth: int = 1, times: float = 1) -> None:
        """Let matching requests meet a fault; see `Plan.fault`."""
        self.plan.fault(fault, method=method, path=path, nth=nth, times=times)

    def before(self, do: Callable[[], object], *, method: str | None = None, path: str = "", nth: int = 1) -> None:
        """Change the world just before the nth matching request is processed."""
        self.plan.action("before", do, method=method, path=path, nth=nth)

    def after(self, do: Callable[[], object], *, method: str | None = None, path: str = "", nth: int = 1) -> None:
        """Change the world right after the nth matching request took effect."""
        self.plan.action("after", do, method=method, path=path, nth=nth)

    def _who(self, request: Request) -> str | None:
        if _BY_APPS.fullmatch(request.path):
            return None
        try:
            principal = self.access.identify(request.header("authorization"))
        except ApiError:
            return None
        return principal.name if principal else None

    def _operate(self, request: Request) -> Response:
        name = None
        try:
            by_app = _BY_APPS.fullmatch(request.path) is not None
            principal = None if by_app else self.access.identify(request.header("authorization"))
            name = principal.name if principal else None
            free = by_app or request.path in _FREE
            if not free:
                self.limits.check(name, method=request.method)
            operation = Operation(
                request=request,
                principal=principal,
                world=self.world,
                access=self.access,
                limits=self.limits,
                now=self._clock(),
            )
            response = _cached(request, _attempt(operation))
            if not free and response.status != 304:
                self.limits.count(name)
        except ApiError as error:
            response = error.response()
        return self._stamped(response, principal=name)

    def _seen(self, fault: Fault | None, effect: Response | None, *, principal: str | None) -> Response | None:
        if fault is None or (fault.answer is None and not fault.drops):
            more = fault.headers(self._clock()) if fault else {}
            return replace(effect, headers={**effect.headers, **more}) if effect else None
        return None if fault.answer is None else self._stamped(fault.answer(self._clock()), principal=principal)

    def _stamped(self, response: Response, *, principal: str | None) -> Response:
        headers = {
            "x-github-request-id": f"DBL0:{next(self._serial):06X}",
            "x-github-media-type": "github.v3; format=json",
            "date": formatdate(self._clock(), usegmt=True),
            **self.limits.usage(principal).headers(),
            **response.headers,
        }
        return replace(response, headers=headers)

    def _record(
        self, request: Request, *, principal: str | None, effect: Response | None, seen: Response | None
    ) -> Call:
        return Call(
            method=request.method,
            path=request.path,
            query=request.parameters(),
            body=_readable(request.body),
            status=None if seen is None else seen.status,
            effect_status=None if effect is None else effect.status,
            principal=principal,
            at=self._clock(),
        )


def _attempt(operation: Operation) -> Response:
    try:
        return route(operation)
    except ApiError as error:
        return error.response()


def _cached(request: Request, response: Response) -> Response:
    if request.method != "GET" or response.status != 200:
        return response
    etag = f'W/"{hashlib.sha256(response.body).hexdigest()}"'
    known = {tag.strip().removeprefix("W/") for tag in (request.header("if-none-match") or "").split(",")}
    headers = {**response.headers, "etag": etag, "cache-control": "private, max-age=60, s-maxage=60"}
    if etag.removeprefix("W/") in known:
        return Response(status=304, headers={"etag": etag})
    return replace(response, headers=headers)


def _readable(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON the client sent
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
