"""The API server's refusals as errors by meaning.

Guarantees that only a Status counts as a refusal, and that an error quotes at most its message, cut to a length.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from steps.core import (
    BadInputError,
    ConflictError,
    ForbiddenError,
    ListExpiredError,
    NotAdmittedYetError,
    NotFoundError,
    NotServedError,
    StepError,
    TerminatedError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    describe_body,
    header_seconds,
    read_json,
)
from steps.kube.refusals import advice, is_denied, temporary_advice
from steps.kube.shapes import foreign

if TYPE_CHECKING:
    from steps.kube.transport import Response


# A record keeps the first 300 characters of an error: the advice has to be among them.
_MAX_MESSAGE = 160
# What the API server says in another form than a Status: it does not serve the path, or it cannot answer now.
_NO_PATH = b"404 page not found"
_BUSY = 429


def is_refused(error: BaseException) -> bool:
    """Whether an error says that nothing was written."""
    if isinstance(error, NotAdmittedYetError):
        return True
    return isinstance(error, StepError) and not isinstance(error, UnavailableError | TerminatedError)


def error_of(asked: str, response: Response) -> StepError:
    """Return the error for a refusal of the API server, by meaning.

    Args:
        asked: Method and path.
        response: The answer, with a status of 300 or more.
    """
    if response.status < 400:  # noqa: PLR2004 - HTTP
        return foreign(asked, f"a redirect ({response.status})")
    status = _status(response.body)
    if status is None:
        return _without_status(asked, response)
    # Null and a missing field are the same.
    message, reason = (str(status.get(field) or "") for field in ("message", "reason"))
    text = f"{asked}: {response.status} {reason} {message[:_MAX_MESSAGE]}".strip()
    if response.status < 500 and (temporary := temporary_advice(message)):  # noqa: PLR2004 - HTTP
        return NotAdmittedYetError(f"{text}: {temporary}")
    if response.status < 500 and is_denied(message):  # noqa: PLR2004 - HTTP
        return ForbiddenError(f"{text}: {advice(response.status, message)}")
    return _by_status(asked, text, response=response, message=message, reason=reason)


def _without_status(asked: str, response: Response) -> StepError:
    if response.status == 404 and response.body.strip() == _NO_PATH:  # noqa: PLR2004 - HTTP
        return _not_served(asked)
    retry_after_s = header_seconds(response.headers.get("retry-after"))
    if response.status == _BUSY:
        return UnavailableError(f"{asked}: {_BUSY}: the API server limits requests", retry_after_s=retry_after_s)
    body = response.body.decode(errors="replace")
    what = "JSON that is not a Status" if _is_json(body) else describe_body(body)
    return foreign(asked, f"{what} with status {response.status}", retry_after_s=retry_after_s)


def _not_served(asked: str) -> NotServedError:
    return NotServedError(f"{asked}: the API server does not serve this: install the CRD or correct the settings")


def _by_status(  # noqa: PLR0911 - a table, one return a row
    asked: str, text: str, *, response: Response, message: str, reason: str
) -> StepError:
    match response.status:
        case 404 if reason:
            return NotFoundError(text)
        case 404:
            return _not_served(asked)
        case 409:
            return ConflictError(text)
        case 401:
            return UnauthenticatedError(f"{text}: {advice(response.status, message)}")
        case 403:
            return ForbiddenError(f"{text}: {advice(response.status, message)}")
        case 410:
            return ListExpiredError(text)
        case 413 | 422:
            return TooLargeError(text)
        case code if code in (408, _BUSY) or code >= 500:  # noqa: PLR2004 - HTTP
            return UnavailableError(text, retry_after_s=header_seconds(response.headers.get("retry-after")))
        case _:
            return BadInputError(text)


def _status(body: bytes) -> dict[str, Any] | None:
    """Return a Status; None for another document, whose text may carry a payload."""
    status = read_json(body)
    return status if isinstance(status, dict) and status.get("kind") == "Status" else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
