"""A cancellation that a person asked for, and how far it reaches. Pure.

Guarantees that only these reasons count as a request. A request names the head, but it is not the head's push: its time
is that of a laptop, or of a comment. docs/decisions/0001-watermark.md has the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain.command import COMMAND_REASON

if TYPE_CHECKING:
    from steps.domain.push import Push

# Reason of the Workflows that `submit` creates. They stop what the head's own push made stale.
MANUAL_REASON = "manual"
# The same with --include-newer. These also stop what began between that push and the request.
MANUAL_ALL_REASON = "manual-all"
_REASONS = (MANUAL_REASON, MANUAL_ALL_REASON, COMMAND_REASON)


def is_request(push: Push) -> bool:
    """Whether a person asked for this cancellation, so that its time is not that of a push."""
    return push.reason in _REASONS


def includes_newer(push: Push) -> bool:
    """Whether the request also stops what began after the head's push and does not name the head's commit."""
    return push.reason == MANUAL_ALL_REASON
