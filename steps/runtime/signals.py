"""Turns SIGTERM into an error of the step.

Guarantees that the main thread gets a TerminatedError at once. If that error is lost, the next pause raises it again:
Python drops errors that are raised while it finalises an object, and some code catches every error. Code that handles
the error does not get it again. Not guaranteed: that a lost error ends a step that never pauses.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from steps.core import TerminatedError

if TYPE_CHECKING:
    from types import FrameType

_MESSAGE = "SIGTERM: the pod is being stopped"


class Termination:
    """Whether the process has received SIGTERM."""

    def __init__(self) -> None:
        """Create a handler that is not installed yet."""
        self._received = False

    def listen(self) -> None:
        """Install the handler. It takes one signal only, so that another one does not interrupt the step's cleanup."""
        signal.signal(signal.SIGTERM, self._raise)

    def check(self) -> None:
        """Raise an error that was lost.

        Raises:
            TerminatedError: SIGTERM was received, and no code is handling the error.
        """
        if self._received and not _is_being_handled():
            raise TerminatedError(_MESSAGE)

    def _raise(self, _signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._received = True
        raise TerminatedError(_MESSAGE)


def _is_being_handled() -> bool:
    """Whether the current code handles a TerminatedError, or an error that it caused."""
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, TerminatedError):
            return True
        error = error.__context__
    return False
