"""The clock, API server and GitHub of a simulation: each call of them is a turn.

Guarantees: the doubles behind them are those of all other tests. GitHub is reached through PyGithub, whose connection
alone is replaced, so that ten thousand runs need no socket.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import requests

from steps.github.client import GitHub
from steps.kube.transport import Json, Response
from tests.doubles import github as github_double
from tests.doubles.clock import ManualClock
from tests.doubles.github.messages import ConnectionDropped, Request
from tests.simulation.turns import Turns
from tests.support.harness import TOKEN
from tests.support.scene.in_process import InProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnClock:
    """The scene's clock, on which sleeping is giving the turn up."""

    clock: ManualClock
    turns: Turns

    def now(self) -> datetime:
        """Wall-clock time."""
        return self.clock.now()

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return self.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.turns.give_up(f"sleeps {seconds:.1f} s", for_s=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTransport:
    """The API server; a turn ends before each request, and between its effect and its answer."""

    inner: InProcess
    turns: Turns

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Hand a request over."""
        what = f"{method} {target.partition('?')[0].rpartition('/namespaces/')[2]}"
        self.turns.give_up(what)
        answer = self.inner.send(method=method, target=target, headers=headers, body=body, timeout_s=timeout_s)
        self.turns.give_up(f"{what} -> {answer.status}")
        return answer


def by_turns(github: GitHub, *, double: github_double.GitHub, turns: Turns) -> GitHub:
    """Let a GitHub client talk to the double in turns, without a socket."""

    def ask(
        verb: str,
        url: str,
        parameters: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        body: object = None,
        *_: object,
        **__: object,
    ) -> tuple[int, dict[str, Any], str]:
        del headers
        turns.give_up(f"GitHub {verb} {url}")
        request = Request(
            method=verb,
            path=url,
            query=urlencode(parameters or {}),
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        try:
            answer = double.handle(request)
        except ConnectionDropped as error:
            raise requests.ConnectionError("dropped") from error
        turns.give_up(f"GitHub {verb} {url} -> {answer.status}")
        return answer.status, dict(answer.headers), answer.body.decode()

    github._exchange._requester.requestJson = ask  # type: ignore[method-assign,assignment]
    return github
