"""The errors of a step, and their exit codes.

Guarantees that every error has one of the exit codes in the workflow's `retryStrategy` (docs/guarantees.md). A message
names the fix, and never quotes a request body, a header or a credential. The library's error is chained as the cause.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of a step; the values follow sysexits.h.

    `retryStrategy.expression` in the rendered WorkflowTemplate uses them, so they are a contract.
    """

    DONE = 0
    BUG = 1
    BAD_INPUT = 65
    TRY_AGAIN = 75
    FORBIDDEN = 77


class StepError(Exception):
    """Base class of the errors that a step explains."""

    exit = Exit.BUG


class BadInputError(StepError):
    """A parameter, a setting or an object is wrong. A retry does not help."""

    exit = Exit.BAD_INPUT


class CertificateError(BadInputError):
    """A server's certificate cannot be verified. Nothing was sent; a person must fix it."""


class ForbiddenError(StepError):
    """The API server or GitHub refused a request: a role or a credential is missing."""

    exit = Exit.FORBIDDEN


class ProxyRefusedError(ForbiddenError):
    """A proxy refused to connect to the server. Nothing was sent."""


class TryAgainError(StepError):
    """A dependency is busy, slow or down. A retry may succeed."""

    exit = Exit.TRY_AGAIN


class LockBusyError(TryAgainError):
    """Another live holder has the Lease."""


class LockLostError(TryAgainError):
    """This holder has lost the Lease. It must write nothing more, not even the record."""


class FencedError(LockLostError):
    """A later fencing epoch has already written. This holder has lost the Lease."""


class UnavailableError(TryAgainError):
    """The server did not answer, or asked to retry later.

    Args:
        message: The request, and its server.
        retry_after_s: The server's Retry-After in seconds, if it sent one.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimitedError(UnavailableError):
    """The server limits the rate of requests; `retry_after_s` says until when."""


class BreakerOpenError(UnavailableError):
    """The circuit breaker is open: no request was sent, because the server failed too often."""


class StillRunningError(TryAgainError):
    """An agent could not be proven gone in time."""


class TerminatedError(TryAgainError):
    """SIGTERM: the pod is being stopped. A retry finishes the work."""


class NotFoundError(StepError):
    """The object or its resource does not exist."""

    exit = Exit.BAD_INPUT


class ConflictError(StepError):
    """A precondition failed: the object has changed since it was read, or already exists."""

    exit = Exit.TRY_AGAIN


class TooLargeError(StepError):
    """The API server refused an object because of its size or content."""

    exit = Exit.BAD_INPUT
