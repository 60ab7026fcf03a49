"""When a request to GitHub is sent, and when it is sent again.

Guarantees that rate limits are honoured up to a deadline, that no request is sent while the circuit breaker is open,
and that a 404 is repeated for some seconds if it may be a delay of GitHub's. The caller renews its Lease meanwhile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from steps.core import (
    LAG_POLL_S,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    StepError,
    UnavailableError,
    backoff,
    retry,
    wait,
)
from steps.github.answers import is_answer, is_unseen
from steps.github.refusals import SECONDARY_LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.breaker import BreakerGate
    from steps.core import Clock
    from steps.settings import GitHubSettings

T = TypeVar("T")

# A new token: attempts for about ten seconds; `SignIn` says when they end.
_TOKEN_ATTEMPTS, _TOKEN_S, _TOKEN_MAX_S = 10, 0.5, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """The rules of one connection.

    Attributes:
        settings: Attempts, pauses and the deadline.
        random: Uniform in [0, 1), for jitter.
        while_waiting: Called about once a second while waiting, to renew the Lease.
        breaker: The circuit breaker that all pods share.
        token_may_be_unknown: Whether a refusal may end by itself, because GitHub does not know a new token yet.
        lag_s: Seconds for which GitHub may not know yet what its webhook named; 0 if no webhook is recent.
    """

    settings: GitHubSettings
    clock: Clock
    random: Callable[[], float]
    while_waiting: Callable[[], None]
    breaker: BreakerGate
    token_may_be_unknown: Callable[[BaseException], bool]
    lag_s: float

    def run(self, send: Callable[[], T], *, lags: bool) -> T:
        """Send a request, and repeat it within bounds while GitHub cannot answer.

        Args:
            send: Sends it once.
            lags: Whether a webhook has named what the request is about, so that a 404 may end by itself.

        Raises:
            StepError: GitHub refused, or did not answer.
        """
        began = self.clock.monotonic()
        deadline = began + self.settings.deadline_s
        not_sent: list[StepError] = []

        def attempt() -> T:
            try:
                self._wait_for_others(deadline=deadline)
            except UnavailableError as error:
                not_sent.append(error)
                raise
            self.while_waiting()  # a request may take as long as a renewal may wait
            return self._send(send)

        despite_new_token = partial(
            retry,
            attempt,
            on=(ForbiddenError, NotFoundError),
            pauses=backoff(attempts=_TOKEN_ATTEMPTS, first_s=_TOKEN_S, random=self.random, longest_s=_TOKEN_MAX_S),
            clock=self.clock,
            deadline=deadline,
            may_retry=self.token_may_be_unknown,
            while_waiting=self.while_waiting,
        )
        despite_lag = partial(
            retry,
            despite_new_token,
            on=NotFoundError,
            pauses=[LAG_POLL_S] * math.ceil(self.lag_s / LAG_POLL_S),
            clock=self.clock,
            deadline=min(deadline, began + self.lag_s),
            may_retry=is_unseen,
            while_waiting=self.while_waiting,
        )
        return retry(
            despite_lag if lags else despite_new_token,
            on=UnavailableError,
            pauses=backoff(attempts=self.settings.attempts, first_s=self.settings.backoff_s, random=self.random),
            clock=self.clock,
            deadline=deadline,
            may_retry=lambda error: error not in not_sent and self._may_retry(error),
            while_waiting=self.while_waiting,
        )

    def _send(self, send: Callable[[], T]) -> T:
        try:
            found = send()
        except StepError as error:
            if is_answer(error):
                self.breaker.succeeded()
            raise
        self.breaker.succeeded()
        return found

    def _wait_for_others(self, *, deadline: float) -> None:
        """Wait while the breaker asks to, but not beyond the deadline of the request."""
        while seconds := self.breaker.enter():
            if self.clock.monotonic() + seconds >= deadline:
                raise RateLimitedError("GitHub limits the rate of requests of all pods", retry_after_s=seconds)
            wait(seconds, clock=self.clock, while_waiting=self.while_waiting)

    def _may_retry(self, problem: StepError) -> bool:
        """Report a problem to the other pods; whether this pod may try again by itself."""
        if isinstance(problem, RateLimitedError):
            seconds = problem.retry_after_s
            self.breaker.limited(SECONDARY_LIMIT_S if seconds is None else seconds)
            return True
        return is_answer(problem) or self.breaker.failed()
