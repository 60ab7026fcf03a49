"""The errors of a step, by what the caller can do about them.

Every error ends a step with one of the exit codes that the workflow's `retryStrategy` knows (docs/guarantees.md).
Messages name what to do and never carry a request body, a header or a credential; the library's error is chained as the
cause.
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
    """Anything a step can explain."""

    exit = Exit.BUG


class BadInputError(StepError):
    """A parameter, a setting or an object is wrong, and will be wrong again: a retry changes nothing."""

    exit = Exit.BAD_INPUT


class CertificateError(BadInputError):
    """A server's certificate cannot be verified. Nothing was sent; a person has to correct the certificate."""


class RepositoryMovedError(BadInputError):
    """GitHub knows the repository by another name: it was renamed or transferred. Nothing was written."""


class ForbiddenError(StepError):
    """The API server or GitHub refuses: a role or a credential is missing."""

    exit = Exit.FORBIDDEN


class ProxyRefusedError(ForbiddenError):
    """A proxy refuses the way to a server: nothing was sent."""


class TryAgainError(StepError):
    """Something outside is busy, slow or down: the same step may succeed later."""

    exit = Exit.TRY_AGAIN


class LockBusyError(TryAgainError):
    """Somebody else holds the Lease and is alive."""


class LockLostError(TryAgainError):
    """We no longer hold the Lease: nothing may be written any more, not even the record."""


class FencedError(LockLostError):
    """A later epoch has written already: our hold is from the past."""


class UnavailableError(TryAgainError):
    """No answer, or an answer that says "later".

    Args:
        message: What was asked, of whom.
        retry_after_s: Seconds the server asked us to wait, if it did.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimitedError(UnavailableError):
    """The server asks everybody to come back later; `retry_after_s` says when."""


class QuotaExceededError(UnavailableError):
    """The API server refuses an object while a quota is used up. Nothing was written."""


class ListExpiredError(UnavailableError):
    """The API server no longer has the list whose next page was requested. The list has to start again."""


class BreakerOpenError(UnavailableError):
    """The server was not asked at all: it has failed too often of late."""


class StillRunningError(TryAgainError):
    """An agent could not be proven gone in time."""


class TerminatedError(TryAgainError):
    """SIGTERM: the pod is being stopped, the work is left for a retry."""


class NotFoundError(StepError):
    """The object (or the whole resource) is not there."""

    exit = Exit.BAD_INPUT


class ConflictError(StepError):
    """A precondition did not hold: the object changed since it was read, or exists already."""

    exit = Exit.TRY_AGAIN


class TooLargeError(StepError):
    """The API server refused an object for its size or its content."""

    exit = Exit.BAD_INPUT
