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
    ListExpiredError,
    NotFoundError,
    QuotaExceededError,
    StepError,
    TerminatedError,
    TooLargeError,
    UnavailableError,
    header_seconds,
)
from steps.kube.refusals import QUOTA_ADVICE, advice, is_denied, is_quota
from steps.kube.shapes import foreign

if TYPE_CHECKING:
    from steps.kube.transport import Response


# A record keeps the first 300 characters of an error: the advice has to be among them.
_MAX_MESSAGE = 160
# The API server's answer for a path that it does not serve is not a Status.
_NO_PATH = b"404 page not found"


def is_refused(error: BaseException) -> bool:
    """Whether an error says that nothing was written."""
    if isinstance(error, QuotaExceededError):
        return True
    return isinstance(error, StepError) and not isinstance(error, UnavailableError | TerminatedError)


def error_of(asked: str, response: Response) -> StepError:
    """Return the error for a refusal of the API server, by meaning.

    Args:
        asked: Method and path.
        response: The answer, with a status of 300 or more.
    """
    message, reason = _status(response.body)
    text = f"{asked}: {response.status} {reason} {message[:_MAX_MESSAGE]}".strip()
    if response.status < 400:  # noqa: PLR2004 - HTTP
        return foreign(asked, f"a redirect ({response.status})")
    if response.status < 500 and is_quota(message):  # noqa: PLR2004 - HTTP
        return QuotaExceededError(f"{text}: {QUOTA_ADVICE}")
    if response.status < 500 and is_denied(message):  # noqa: PLR2004 - HTTP
        return ForbiddenError(f"{text}: {advice(response.status, message)}")
    return _by_status(asked, text, response=response, message=message, reason=reason)


def _by_status(  # noqa: PLR0911 - a table, one return a row
    asked: str, text: str, *, response: Response, message: str, reason: str
) -> StepError:
    match response.status:
        case 404 if reason:
            return NotFoundError(text)
        case 404 if message or response.body.strip() == _NO_PATH:
            return BadInputError(
                f"{asked}: the API server does not serve this: install the CRD or correct the settings"
            )
        case 404:
            return foreign(asked, "a 404 that is not the API server's")
        case 409:
            return ConflictError(text)
        case 401 | 403:
            return ForbiddenError(f"{text}: {advice(response.status, message)}")
        case 410:
            return ListExpiredError(text)
        case 413 | 422:
            return TooLargeError(text)
        case 429 | 500 | 502 | 503 | 504:
            return UnavailableError(text, retry_after_s=header_seconds(response.headers.get("retry-after")))
        case _:
            return BadInputError(text)


def _status(body: bytes) -> tuple[str, str]:
    """Return message and reason of a Status; empty for another document, whose text may carry a payload."""
    try:
        status = json.loads(body)
    except ValueError:
        return "", ""
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return "", ""
    return str(status.get("message", "")), str(status.get("reason", ""))
