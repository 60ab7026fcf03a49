"""What a step does while GitHub cannot be read: it waits, or it goes on without the answer.

Guarantees that `github.unreadable` decides, and that the log names what is used instead of the answer. Not covered:
an answer that refuses the request. It is the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import UnavailableError

if TYPE_CHECKING:
    from types import TracebackType

    from steps.runtime.context import StepContext


class UnreadableGitHub:
    """A body that reads GitHub. If the settings say to wait, its UnavailableError stays; if not, the body is left."""

    def __init__(self, instead: str, *, context: StepContext) -> None:
        """Prepare for the body.

        Args:
            instead: What the step uses instead of the answer, for the log.
            context: The step.
        """
        self._instead = instead
        self._context = context

    def __enter__(self) -> None:
        """Begin the body."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Log that GitHub cannot be read, and leave the body."""
        if not isinstance(error, UnavailableError) or self._context.settings.github.unreadable == "wait":
            return False
        self._context.log.warning(f"GitHub cannot be read: {self._instead}", problem=str(error))
        return True
