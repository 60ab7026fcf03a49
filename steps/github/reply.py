"""Which HTTP answers count as GitHub's.

Guarantees that a redirect is never followed, and that a page, an empty body or half a document is never taken for an
answer. PyGithub by itself follows a 301 without its query, returns the body of a 307 as a success, and fails with a
bare ValueError on a document that was cut off.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from github import GithubException
from requests.structures import CaseInsensitiveDict

from steps.core import describe_body, header_seconds, read_json

if TYPE_CHECKING:
    from github.Requester import RequestsResponse

_NO_CONTENT = (204, 205)
_RATE_LIMITS = "x-ratelimit-"


class ForeignReplyError(Exception):
    """An answer that GitHub's API does not give; a proxy or a login page may have sent it.

    Args:
        status: The HTTP status.
        what: What came instead of JSON.
        retry_after_s: Seconds that the answer asked to wait; None if it did not.
    """

    def __init__(self, *, status: int, what: str, retry_after_s: float | None) -> None:
        super().__init__(f"{status} with {what}")
        self.status = status
        self.what = what
        self.retry_after_s = retry_after_s


def checked(reply: RequestsResponse) -> RequestsResponse:
    """Return an answer that PyGithub can read.

    Raises:
        GithubException: GitHub refused, redirected or failed; `data` is an object.
        ForeignReplyError: The answer has no JSON where GitHub sends JSON.
    """
    status, text = reply.status, reply.read()
    # PyGithub reads these headers as numbers and fails on anything else; the steps read only those of refusals.
    headers = {name.lower(): value for name, value in reply.getheaders()}
    reply.headers = CaseInsensitiveDict(
        {name: value for name, value in headers.items() if not name.startswith(_RATE_LIMITS)}
    )
    document = read_json(text)
    foreign = partial(ForeignReplyError, status=status, retry_after_s=header_seconds(headers.get("retry-after")))
    if status >= 300:  # noqa: PLR2004 - HTTP
        is_refusal = isinstance(document, dict) and isinstance(document.get("message"), str)
        if 400 <= status < 500 and status != 429 and not is_refusal:  # noqa: PLR2004 - HTTP
            raise foreign(what=_describe(text))
        raise GithubException(status, document if isinstance(document, dict) else {}, headers)
    # PyGithub would repeat a read that is answered with 202 for ever.
    if status == 202 or (document is None and status not in _NO_CONTENT):  # noqa: PLR2004 - HTTP
        raise foreign(what=_describe(text))
    return reply


def _describe(text: str) -> str:
    return "JSON of another kind" if isinstance(read_json(text), dict | list) else describe_body(text)
