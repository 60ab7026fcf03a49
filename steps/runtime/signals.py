"""SIGTERM as an error, wherever the step is.

Guarantees that the error is raised in the main thread at once, or, if it was lost there, at the next pause: Python
drops what is raised while it finalises an object (the answer of a request closes itself, and that takes time), and some
places carry on in spite of any error. Whoever is dealing with it is not told again. Not guaranteed: that a step which
does not pause any more ends otherwise than it would have.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from steps.core import TerminatedError

if TYPE_CHECKING:
    from types import FrameType

_SAID = "SIGTERM: the pod is being stopped"


class Termination:
    """Whether the process has been told to stop."""

    def __init__(self) -> None:
        """Know of nothing, and listen to nothing yet."""
        self._told = False

    def listen(self) -> None:
        """Take SIGTERM from now on; once only, so that what is done about it is not interrupted."""
        signal.signal(signal.SIGTERM, self._take)

    def check(self) -> None:
        """Raise what was lost.

        Raises:
            TerminatedError: The process was told to stop, and nobody is dealing with that.
        """
        if self._told and not _dealt_with():
            raise TerminatedError(_SAID)

    def _take(self, _signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._told = True
        raise TerminatedError(_SAID)


def _dealt_with() -> bool:
    """Whether the error is being handled right here, by itself or as what led to another."""
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, TerminatedError):
            return True
        error = error.__context__
    return False
