"""Reads one source of a pass. A source that cannot be read is reported, and the pass continues without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from steps.core import StepError, TerminatedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


def read_or_report(read: Callable[[], Iterable[T]], *, unread: list[str]) -> tuple[T, ...]:
    """Return all items. If they cannot be read, report the error and return none.

    Args:
        read: Reads the items.
        unread: Gets the error and the fix.

    Raises:
        TerminatedError: The process ends.
    """
    try:
        return tuple(read())
    except TerminatedError:
        raise
    except StepError as error:
        unread.append(str(error))
        return ()
