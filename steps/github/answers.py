"""GitHub's refusals as errors by meaning, and the names of spans. Pure.

Guarantees that an error quotes at most GitHub's own message, cut to a length.
"""

from __future__ import annotations

from github import BadCredentialsException, GithubException

from steps.core import BadInputError, ForbiddenError, NotFoundError, RateLimitedError, UnavailableError
from steps.github.connection import certificate_problem

# What is asked of GitHub; anything else is one name, so that there are few.
_GITHUB = ("access_tokens", "labels", "comments", "pulls", "activity", "user")


def span_name(verb: str, path: str) -> str:
    """Name of the span of a request to GitHub."""
    parts = path.strip("/").split("/")
    asked = parts[3:] if parts[0] == "repos" else parts
    return f"github {verb} {next((each for each in _GITHUB if each in asked), 'other')}"


SECONDARY_LIMIT_S = 60.0


def is_refused(error: BaseException) -> bool:
    """Whether an error says that nothing was written."""
    answered = isinstance(error, GithubException) and error.status < 500  # noqa: PLR2004 - HTTP
    return answered or certificate_problem(error) is not None


def error_of(
    asked: str, error: GithubException, *, now: float
) -> UnavailableError | ForbiddenError | NotFoundError | BadInputError:
    """Our own error for GitHub's answer, by meaning; 403 and 429 are told apart by headers, not by number."""
    message = str(error.data.get("message", "")) if isinstance(error.data, dict) else ""
    text = f"GitHub: {asked}: {error.status} {message[:200]}".strip()
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status in (403, 429):
        if (wait := _limited_s(headers, message=message, now=now)) is not None or error.status == 429:  # noqa: PLR2004
            return RateLimitedError(text, retry_after_s=wait)
        return ForbiddenError(f"{text}: give the App or token read and write access to pull requests and issues")
    if isinstance(error, BadCredentialsException) or error.status == 401:  # noqa: PLR2004 - HTTP
        return ForbiddenError(f"{text}: the credentials are wrong or have expired, renew the Secret")
    if error.status in (404, 410):
        return NotFoundError(text)
    return UnavailableError(text) if error.status >= 500 else BadInputError(text)  # noqa: PLR2004 - HTTP


def _limited_s(headers: dict[str, str], *, message: str, now: float) -> float | None:
    """Seconds that a rate limit asks to wait; None if there is none. In the order GitHub documents."""
    if headers.get("retry-after", "").isdigit():
        return float(headers["retry-after"])
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
        return max(1.0, float(headers["x-ratelimit-reset"]) - now + 1)
    return SECONDARY_LIMIT_S if "rate limit" in message.lower() else None
