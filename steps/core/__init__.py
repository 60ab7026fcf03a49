"""Small things that everything may use: errors by meaning, time, pauses, threads, label and annotation keys.

Guarantees that nothing here knows Kubernetes, GitHub or a push.
"""

from steps.core.clock import Clock, SystemClock, format_micro_time, format_time, parse_optional_time, parse_time
from steps.core.concurrency import run_parallel
from steps.core.errors import (
    BadInputError,
    BreakerOpenError,
    CertificateError,
    ConflictError,
    Exit,
    FencedError,
    ForbiddenError,
    ListExpiredError,
    LockBusyError,
    LockLostError,
    NotFoundError,
    ProxyRefusedError,
    QuotaExceededError,
    RateLimitedError,
    RepositoryMovedError,
    StepError,
    StillRunningError,
    TerminatedError,
    TooLargeError,
    TryAgainError,
    UnavailableError,
)
from steps.core.keys import APP, PHASE, PREFIX, RECORD, REPOSITORY, TASK, repository_label
from steps.core.network_errors import describe_network_error, error_chain
from steps.core.retry import backoff, retry, retry_on_conflict, wait

__all__ = [
    "APP",
    "PHASE",
    "PREFIX",
    "RECORD",
    "REPOSITORY",
    "TASK",
    "BadInputError",
    "BreakerOpenError",
    "CertificateError",
    "Clock",
    "ConflictError",
    "Exit",
    "FencedError",
    "ForbiddenError",
    "ListExpiredError",
    "LockBusyError",
    "LockLostError",
    "NotFoundError",
    "ProxyRefusedError",
    "QuotaExceededError",
    "RateLimitedError",
    "RepositoryMovedError",
    "StepError",
    "StillRunningError",
    "SystemClock",
    "TerminatedError",
    "TooLargeError",
    "TryAgainError",
    "UnavailableError",
    "backoff",
    "describe_network_error",
    "error_chain",
    "format_micro_time",
    "format_time",
    "parse_optional_time",
    "parse_time",
    "repository_label",
    "retry",
    "retry_on_conflict",
    "run_parallel",
    "wait",
]
