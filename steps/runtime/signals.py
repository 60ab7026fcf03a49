"""Turns SIGTERM into an error of the step.

Guarantees that the main thread gets a TerminatedError at once, or as soon as Python's own threads, queues, executors
and imports are not at work: an error in the middle of those leaves a lock taken, or a thread that nobody waits for. If
the error is lost, the next pause raises it again: Python drops errors that are raised while it finalises an object, and
some code catches every error. Code that handles the error does not get it again. Not guaranteed: that a lost error ends
a step that never pauses.
"""

from __future__ import annotations

import signal
import sys
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

from steps.core import TerminatedError

if TYPE_CHECKING:
    from types import FrameType

_MESSAGE = "SIGTERM: the pod is being stopped"
# Code that takes locks in Python, and would keep them; and what Python calls when it drops a thread.
_INDIVISIBLE = ("threading", "queue", "concurrent.futures", "weakref", "_weakrefset", "importlib")
_AGAIN_S = 0.01


class Termination:
    """Whether the process has received SIGTERM."""

    def __init__(self) -> None:
        """Create a handler that is not installed yet."""
        self._received = False
        # Whether the main thread did not get the error yet.
        self._due = False

    def listen(self) -> None:
        """Install the handler. It takes one signal only, so that another one does not interrupt the step's cleanup."""
        signal.signal(signal.SIGALRM, self._raise_if_due)
        signal.signal(signal.SIGTERM, self._receive)

    def ignore(self) -> None:
        """Raise nothing from now on: the step has ended."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._received = self._due = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def check(self) -> None:
        """Raise an error that was lost.

        Raises:
            TerminatedError: SIGTERM was received, and no code is handling the error.
        """
        if self._received and not _is_being_handled():
            if current_thread() is main_thread():
                self._due = False
            raise TerminatedError(_MESSAGE)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._received = self._due = True
        self._raise_if_due(number, frame)

    def _raise_if_due(self, _signal: int, frame: FrameType | None) -> None:
        if not self._due:
            return
        if _is_being_handled():
            # Another thread has noticed the signal, and its error has come here.
            self._due = False
            return
        if _is_indivisible(frame):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
            return
        self._due = False
        raise TerminatedError(_MESSAGE)


def _is_indivisible(frame: FrameType | None) -> bool:
    """Whether the interrupted code, or a caller of it, would keep a lock or a thread."""
    while frame is not None:
        module = frame.f_globals.get("__name__") or ""
        if any(module == each or module.startswith(f"{each}.") for each in _INDIVISIBLE):
            return True
        frame = frame.f_back
    return False


def _is_being_handled() -> bool:
    """Whether the current code handles a TerminatedError, or an error that it caused."""
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, TerminatedError):
            return True
        error = error.__context__
    return False
