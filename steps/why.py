"""Why something is written: what each write of a step has to say, for the audit."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Cause(StrEnum):
    """What a write is for; one of a fixed set, so that lines can be filtered by it."""

    ACQUIRE = "lease-acquire"
    RENEW = "lease-renew"
    RECORD = "record"
    RELEASE = "lease-release"
    STATE = "state-document"
    ASK = "ask-to-stop"
    STALE = "stale-run"
    FORCE = "force-pod"
    ADD_LABEL = "add-label"
    REMOVE_LABEL = "remove-label"
    COMMENT = "comment"
    ANSWERED = "answered-waiter"
    TELL = "event"
    BREAKER = "breaker"
    REPAIR = "repair"
    ORPHANED = "orphaned-lock"
    TRIES = "tries"
    ATTENTION = "needs-attention"
    IDLE = "idle-lease"
    SUBMIT = "submit"
    REVIEW = "may-it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why something is written.

    Attributes:
        epoch: Of the hold under which it is; None if there is none.
        detail: A few words more, never somebody's text.
        may: Fails if it may not be written any more; asked before a write that was refused is sent again. None: it is
            sent once.
    """

    cause: Cause
    epoch: int | None = None
    detail: str = ""
    may: Callable[[], object] | None = field(default=None, compare=False)
