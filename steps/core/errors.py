"""The errors of a step, by what the caller can do about them.

Every error ends a step with one of the exit codes that the workflow's `retryStrategy` knows (docs/guarantees.md).
A message names the problem and the fix. It never carries a request body, a header or a credential. The library's error
is chained as the cause.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of a step, after sysexits.h where one fits.

    `retryStrategy.expression` in the rendered WorkflowTemplate is built from these, so they are a contract.
    """

    DONE = 0
    BUG = 1
    BAD_INPUT = 65
    TRY_AGAIN = 75
    FORBIDDEN = 77


class StepError(Exception):
    """An error that a step can explain."""

    exit = Exit.BUG


class BadInputError(StepError):
    """A parameter, a setting or an object is wrong. A retry changes nothing."""

    exit = Exit.BAD_INPUT


class CertificateError(BadInputError):
    """A server's certificate cannot be verified. Nothing was sent; a person has to correct the certificate."""


class NotServedError(BadInputError):
    """The API server does not serve a kind of objects: its CRD is not installed, or not in this version."""


class RepositoryMovedError(BadInputError):
    """GitHub knows the repository by another name: it was renamed or transferred. Nothing was written."""


class ForbiddenError(StepError):
    """The API server or GitHub refuses a request: a permission is missing, or one of their rules forbids it."""

    exit = Exit.FORBIDDEN


class UnauthenticatedError(ForbiddenError):
    """The API server does not know the credentials. A pod's may be good: it could not look them up at that moment."""

    exit = Exit.TRY_AGAIN


class ProxyRefusedError(ForbiddenError):
    """A proxy refuses to connect to a server. Nothing was sent."""


class TryAgainError(StepError):
    """Another system is busy, slow or down. The same step may succeed later."""

    exit = Exit.TRY_AGAIN


class LockBusyError(TryAgainError):
    """Another live holder has the Lease."""


class LockLostError(TryAgainError):
    """This process no longer holds the Lease. It must not write anything, not even the record."""


class FencedError(LockLostError):
    """A later fencing epoch has written already. The Lease belongs to another holder."""


class UnavailableError(TryAgainError):
    """A request got no usable answer, or an answer that says "later".

    Args:
        message: The request, the problem and the fix.
        retry_after_s: Seconds that the server asked to wait; None if it did not.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimitedError(UnavailableError):
    """The server limits the rate of requests; `retry_after_s` says for how long."""


class NotAdmittedYetError(UnavailableError):
    """The API server refuses an object for now: a quota is used up, or it is not ready. Nothing was written."""


class ListExpiredError(UnavailableError):
    """The API server no longer has the list whose next page was requested. The list has to start again."""


class BreakerOpenError(UnavailableError):
    """The circuit breaker is open: the server failed too often, and no request was sent."""


class StillRunningError(TryAgainError):
    """An agent was not proven gone in time."""


class TerminatedError(TryAgainError):
    """SIGTERM stops the pod. A retry continues the work."""


# After these, a step sends nothing more. Any other error about one object does not keep the others from being stopped.
STEP_ENDS = (LockLostError, TerminatedError)


class NotFoundError(StepError):
    """The object, or the whole resource, does not exist."""

    exit = Exit.BAD_INPUT


class ConflictError(StepError):
    """A precondition failed: the object changed since it was read, or exists already."""

    exit = Exit.TRY_AGAIN


class TooLargeError(StepError):
    """The API server refused an object because of its size or its content."""

    exit = Exit.BAD_INPUT
