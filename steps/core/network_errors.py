"""Descriptions of network errors and of answers that no API gives. Pure.

Guarantees that a description quotes neither the error's own text, which may quote the request, nor the answer.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The first kind found in an error's chain describes it.
_DESCRIPTIONS: Sequence[tuple[type[BaseException], str]] = (
    (socket.gaierror, "its name cannot be resolved: correct the name, or check DNS"),
    (ConnectionRefusedError, "connection refused: nothing listens on this address and port"),
    (TimeoutError, "no answer in time: check firewalls, NetworkPolicies and the proxy"),
    (ConnectionError, "it closed the connection"),
)


def describe_network_error(error: BaseException) -> str:
    """Describe a network error; an unknown one by the name of its type."""
    found = list(error_chain(error))
    descriptions = (text for kind, text in _DESCRIPTIONS if any(isinstance(each, kind) for each in found))
    return next(descriptions, type(error).__name__)


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors that it wraps. HTTP clients wrap and chain errors."""
    left, seen = [error], set()
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        left.extend(part for part in inner if isinstance(part, BaseException))


def describe_body(body: str) -> str:
    """Describe the body of an answer that is not the expected JSON; a proxy or a login page may have sent it."""
    start = body.lstrip()[:1]
    if not start:
        return "an empty body"
    if start == "<":
        return "an HTML page"
    return "an incomplete JSON document" if start in "{[" else "text"


def read_json(text: str | bytes) -> object:
    """Return the JSON document of an answer; None if it is none. It may be nested too deeply to be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
