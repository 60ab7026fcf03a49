"""The API server's refusals as errors by meaning.

Guarantees that an error quotes at most the message of a Kubernetes Status, cut to a length.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from steps.core import (
    BadInputError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    StepError,
    TerminatedError,
    TooLargeError,
    UnavailableError,
)

if TYPE_CHECKING:
    from steps.kube.transport import Response


_MAX_MESSAGE = 256


def is_refused(error: BaseException) -> bool:
    """Whether an error says that nothing was written."""
    return isinstance(error, StepError) and not isinstance(error, UnavailableError | TerminatedError)


def error_of(asked: str, response: Response) -> StepError:  # noqa: PLR0911 - a table, one return a row
    """Our own error for an answer, by meaning."""
    message, reason = _status(response.body)
    text = f"{asked}: {response.status} {reason} {message}".strip()
    match response.status:
        case 404:
            if not reason:
                return BadInputError(
                    f"{asked}: the API server does not serve this: install the CRD or correct the settings"
                )
            return NotFoundError(text)
        case 409:
            return ConflictError(text)
        case 401 | 403:
            return ForbiddenError(f"{text}: give the service account the rendered Role")
        case 413 | 422:
            return TooLargeError(text)
        case 410 | 429 | 500 | 502 | 503 | 504:  # 410: a page's token has expired, the list has to start over
            return UnavailableError(text, retry_after_s=seconds_of(response.headers.get("retry-after")))
        case _:
            return BadInputError(text)


def _status(body: bytes) -> tuple[str, str]:
    """Message and reason of a Status; empty for anything else, whose text might carry somebody's payload."""
    try:
        status = json.loads(body)
    except ValueError:
        return "", ""
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return "", ""
    return str(status.get("message", ""))[:_MAX_MESSAGE], str(status.get("reason", ""))


def seconds_of(text: str | None) -> float | None:
    """The seconds that a Retry-After header gives; None for a date or nonsense."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
