"""Pages of a list, and the Link header that leads from one to the next.

Guarantees: GitHub's limits (30 by default, at most 100) and its tolerance: nonsense falls back to the defaults.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.doubles.github.messages import Request

DEFAULT_PAGE_SIZE = 30
MAX_PAGE_SIZE = 100
Item = TypeVar("Item")


def page_of(request: Request, items: Sequence[Item]) -> tuple[Sequence[Item], dict[str, str]]:
    """Cut the page that was asked for and build its headers."""
    query = request.parameters()
    size = min(_positive(query.get("per_page"), otherwise=DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)
    page = _positive(query.get("page"), otherwise=1)
    last = max(-(-len(items) // size), 1)
    targets: dict[str, int] = {}
    if page > 1:
        targets |= {"prev": min(page - 1, last), "first": 1}
    if page < last:
        targets |= {"next": page + 1, "last": last}
    links = ", ".join(f'<{_url(request, page=number)}>; rel="{name}"' for name, number in targets.items())
    return items[(page - 1) * size : page * size], {"link": links} if links else {}


def cursor_page_of(request: Request, items: Sequence[Item]) -> tuple[Sequence[Item], dict[str, str]]:
    """Cut a page of a list that has no page numbers: an opaque cursor from the Link header leads on."""
    query = request.parameters()
    size = min(_positive(query.get("per_page"), otherwise=DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)
    start = _position(query.get("after"))
    end = start + size
    if end >= len(items):
        return items[start:end], {}
    following = urlencode({**query, "after": base64.urlsafe_b64encode(f"cursor:{end}".encode()).decode()})
    return items[start:end], {"link": f'<{request.base_url}{request.path}?{following}>; rel="next"'}


def _position(cursor: str | None) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor or "").decode()
    except ValueError:
        return 0
    return int(text.removeprefix("cursor:") or 0) if text.startswith("cursor:") else 0


def _url(request: Request, *, page: int) -> str:
    return f"{request.base_url}{request.path}?{urlencode({**request.parameters(), 'page': str(page)})}"


def _positive(text: str | None, *, otherwise: int) -> int:
    if text is None or not text.isascii() or not text.isdigit() or int(text) == 0:
        return otherwise
    return int(text)
