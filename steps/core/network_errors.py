"""What a request failed of that got no answer, in words that say what to see to. Pure.

Guarantees that nothing of the error's own text is told, which could quote the request.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The first that is behind an error is what it was.
_OBSTACLES: Sequence[tuple[type[BaseException], str]] = (
    (socket.gaierror, "its name is not known here: correct it, or see to DNS"),
    (ConnectionRefusedError, "nobody answers at this address and port"),
    (TimeoutError, "no answer in time: is the way there open?"),
    (ConnectionError, "it broke the connection off"),
)


def describe_network_error(error: BaseException) -> str:
    """What stood in the way; the name of the error if that is all there is to say."""
    found = list(error_chain(error))
    says = (text for kind, text in _OBSTACLES if any(isinstance(each, kind) for each in found))
    return next(says, type(error).__name__)


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """An error and everything that it was made of: clients of HTTP wrap, chain and pass on."""
    left, seen = [error], set()
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        left.extend(part for part in inner if isinstance(part, BaseException))
