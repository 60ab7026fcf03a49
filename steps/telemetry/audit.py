"""Why something is written: what each write of a step has to say, for the audit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from steps.core import PHASE, TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from steps.telemetry.log import Log, LogValue

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class WriteCause(StrEnum):
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
class WriteReason:
    """Why something is written.

    Attributes:
        epoch: Of the hold under which it is; None if there is none.
        detail: A few words more, never somebody's text.
    """

    cause: WriteCause
    epoch: int | None = None
    detail: str = ""


AUDIT_EVENT = "audit"
_MAX_LABELS = 20


class WriteResult(StrEnum):
    """What came of a write."""

    DONE = "done"
    REFUSED = "refused"
    # No answer, or none that tells: it may have taken effect.
    UNKNOWN = "unknown"


@dataclass(slots=True)
class WriteAnswer:
    """What was answered: the object as it is now, or the list of labels."""

    body: Any = None


class Audit:
    """Writes the lines."""

    def __init__(self, *, log: Log) -> None:
        """Know where to write.

        Args:
            log: Bound to who writes: step, pod, workflow, account, and whose push it is.
        """
        self._log = log

    @contextmanager
    def write(
        self,
        *,
        api: str,
        verb: str,
        resource: str,
        namespace: str,
        name: str,
        reason: WriteReason,
        sent: Mapping[str, Any] | None,
        refused: Callable[[BaseException], bool],
    ) -> Iterator[WriteAnswer]:
        """Enclose one request that writes.

        Args:
            api: `kubernetes` or `github`.
            verb: create, update, patch or delete.
            resource: What kind of object.
            namespace: Of the object; at GitHub, the repository.
            name: Of the object; at GitHub, the pull request's number and the label.
            reason: Its reason.
            sent: The body; only uid, version and labels of ours are looked at.
            refused: Whether an error means that nothing was written.

        Yields:
            Where to leave the answer.
        """
        answer, result, error = WriteAnswer(), WriteResult.UNKNOWN, ""
        try:
            yield answer
            result = WriteResult.DONE
        except BaseException as problem:
            error = type(problem).__name__
            result = WriteResult.REFUSED if refused(problem) else WriteResult.UNKNOWN
            raise
        finally:
            fields: dict[str, LogValue] = {"api": api, "verb": verb, "resource": resource, "namespace": namespace}
            fields |= {"name": name, "cause": reason.cause, "epoch": reason.epoch, "result": result}
            fields |= {"detail": reason.detail} if reason.detail else {}
            fields |= {"error": error} if error else {}
            fields |= _before(sent or {}) | _after(answer.body)
            self._log.info(AUDIT_EVENT, **fields)


def _before(sent: Mapping[str, Any]) -> dict[str, LogValue]:
    """Uid, version and task as the request names them."""
    metadata = sent.get("preconditions") or sent.get("metadata") or {}
    task = (metadata.get("labels") or {}).get(TASK)
    found: dict[str, LogValue] = {"uid": metadata.get("uid", ""), "version_before": metadata.get("resourceVersion", "")}
    return found | ({"task": task} if task else {})


def _after(answer: object) -> dict[str, LogValue]:
    """Version, holder and phase as they were answered; or the labels of a pull request."""
    if isinstance(answer, list):
        return {"labels_after": [str(label["name"]) for label in answer[:_MAX_LABELS]]}
    if not isinstance(answer, dict) or "metadata" not in answer:
        return {}
    metadata, spec = answer.get("metadata") or {}, answer.get("spec") or {}
    found: dict[str, LogValue] = {"version_after": metadata.get("resourceVersion", "")}
    if uid := metadata.get("uid"):
        found["uid"] = uid
    if phase := (metadata.get("labels") or {}).get(PHASE):
        found |= {"phase": phase, "holder": spec.get("holderIdentity") or ""}
    return found
