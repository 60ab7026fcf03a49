"""GitHub's refusals as errors by meaning, and the names of spans. Pure.

Guarantees that an error quotes at most GitHub's own message, cut to a length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from github import GithubException

from steps.core import (
    BadInputError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RepositoryMovedError,
    UnavailableError,
    header_seconds,
)
from steps.github.connection import certificate_problem
from steps.github.refusals import SECONDARY_LIMIT_S, advice, is_rate_limit

if TYPE_CHECKING:
    from steps.github.reply import ForeignReplyError

# A record keeps the first 300 characters of an error: the advice has to be among them.
_MAX_MESSAGE = 120
# One object is busy; GitHub works. An empty repository stays empty.
_CONFLICT, _FINAL_CONFLICT = 409, "repository is empty"
_BUSY = (408, _CONFLICT)
# GitHub's names of fields and codes; anything else could be a text that somebody wrote.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,39}")
_MAX_DETAILS = 3
_UNSEEN_FIX = "it does not exist, or the credentials may not see it: give the App or token access to the repository"
# The parts of GitHub's API that the steps use; every other part shares one name, so that span names stay few.
_GITHUB = ("access_tokens", "labels", "comments", "pulls", "activity", "permission", "user")


def span_name(verb: str, path: str) -> str:
    """Name of the span of a request to GitHub."""
    parts = path.strip("/").split("/")
    asked = parts[3:] if parts[0] == "repos" else parts
    return f"github {verb} {next((each for each in _GITHUB if each in asked), 'other')}"


def message_of(error: GithubException) -> str:
    """Return GitHub's own message; empty if there is none."""
    return str(error.data.get("message", "")) if isinstance(error.data, dict) else ""


def is_refused(error: BaseException) -> bool:
    """Whether an error says that nothing was written."""
    refused = isinstance(error, GithubException) and 300 <= error.status < 500 and error.status != 408  # noqa: PLR2004 - HTTP
    return refused or certificate_problem(error) is not None


def is_answer(error: BaseException) -> bool:
    """Whether an error shows that GitHub works: it refused the request, and did not ask for patience."""
    cause = error.__cause__
    if isinstance(error, RepositoryMovedError):
        return True
    if not isinstance(cause, GithubException) or not 400 <= cause.status < 500:  # noqa: PLR2004 - HTTP
        return False
    return cause.status == _CONFLICT or not isinstance(error, UnavailableError)


def is_unseen(error: BaseException) -> bool:
    """Whether GitHub does not know what the request names: it answers so for a moment, and if a right is missing.

    Its other 404s name what is missing, such as a label.
    """
    cause = error.__cause__
    return isinstance(cause, GithubException) and _is_unseen(cause)


def _is_unseen(error: GithubException) -> bool:
    return (error.status, message_of(error)) == (404, "Not Found")


def error_of(
    asked: str, error: GithubException, *, now: float
) -> UnavailableError | ForbiddenError | NotFoundError | BadInputError:
    """Return the error for a refusal of GitHub. Headers and words tell a rate limit from a missing right.

    Args:
        asked: Verb and path.
        error: The refusal.
        now: Seconds since the epoch, for headers that name a time.
    """
    status, message = error.status, message_of(error)
    text = f"GitHub: {asked}: {status} {message[:_MAX_MESSAGE]}{_details(error)}".strip()
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if status in (403, 429):
        wait_s = _limited_s(headers, message=message, now=now)
        if wait_s is not None or status == 429:  # noqa: PLR2004 - HTTP
            return RateLimitedError(text, retry_after_s=wait_s)
    if status >= 500 or (status in _BUSY and _FINAL_CONFLICT not in message.casefold()):  # noqa: PLR2004 - HTTP
        return UnavailableError(text, retry_after_s=header_seconds(headers.get("retry-after")))
    fix = advice(status, f"{message} {_reasons(error)}")
    if status in (401, 403, 451):
        return ForbiddenError(f"{text}: {fix}" if fix else text)
    if status in (404, 410):
        return NotFoundError(f"{text}: {_UNSEEN_FIX}" if _is_unseen(error) else text)
    return BadInputError(f"{text}: {fix}" if fix else text)


def error_of_foreign_reply(asked: str, error: ForeignReplyError, *, host: str) -> UnavailableError:
    """Return the error for an answer that GitHub's API does not give.

    Args:
        asked: Verb and path.
        error: What came.
        host: The server that should have answered.
    """
    return UnavailableError(
        f"GitHub: {asked}: {host}: {error.what} came with status {error.status} where JSON belongs: check "
        "github.api_url (GitHub Enterprise: it ends with /api/v3) and github.proxy; a login page or a proxy may have "
        "answered",
        retry_after_s=error.retry_after_s,
    )


def _reasons(error: GithubException) -> str:
    """Return what GitHub says of each refused field. It may quote the value, so it is searched and never shown."""
    found = error.data.get("errors") if isinstance(error.data, dict) else None
    each_said = [each.get("message") for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return " ".join(said for said in each_said if isinstance(said, str))


def _details(error: GithubException) -> str:
    """Return the fields that GitHub refuses, with its codes; empty if it names none."""
    found = error.data.get("errors") if isinstance(error.data, dict) else None
    details = []
    for each in found if isinstance(found, list) else ():
        named = [each.get(key) for key in ("field", "code")] if isinstance(each, dict) else []
        if known := [name for name in named if isinstance(name, str) and _NAME.fullmatch(name)]:
            details.append(": ".join(known))
    return f" ({', '.join(details[:_MAX_DETAILS])})" if details else ""


def _limited_s(headers: dict[str, str], *, message: str, now: float) -> float | None:
    """Return the seconds that a rate limit asks to wait, in the order that GitHub documents; None if there is none."""
    if (after_s := header_seconds(headers.get("retry-after"))) is not None:
        return after_s
    reset = header_seconds(headers.get("x-ratelimit-reset"))
    if headers.get("x-ratelimit-remaining") == "0" and reset is not None:
        return max(1.0, reset - now + 1)
    return SECONDARY_LIMIT_S if is_rate_limit(message) else None
