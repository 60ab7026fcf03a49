"""The audit: one log line for each write of a step, with its reason and its result.

Guarantees that a line never quotes a payload. Not guaranteed: the line of a write during which the process is killed.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from steps.core import PHASE, TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from steps.telemetry.log import Log, LogValue

AUDIT_EVENT = "audit"
_MAX_LABELS = 20


class WriteCause(StrEnum):
    """The purpose of a write. A fixed set, so that lines can be filtered by it."""

    ACQUIRE = "lease-acquire"
    RENEW = "lease-renew"
    RECORD = "record"
    RELEASE = "lease-release"
    STATE = "state-document"
    ASK = "ask-to-stop"
    STALE = "stale-run"
    POD = "pod-of-a-stale-run"
    FORCE = "force-pod"
    JOB = "job-of-a-stale-run"
    ADD_LABEL = "add-label"
    REMOVE_LABEL = "remove-label"
    COMMENT = "comment"
    ANSWERED = "answered-waiter"
    EVENT = "event"
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
    """The reason of a write.

    Attributes:
        epoch: Fencing epoch of the held Lease; None without one.
        detail: A few words; never text from outside.
    """

    cause: WriteCause
    epoch: int | None = None
    detail: str = ""


class WriteResult(StrEnum):
    """The result of a write."""

    DONE = "done"
    REFUSED = "refused"
    # No clear answer: the write may have been applied.
    UNKNOWN = "unknown"


@dataclass(slots=True)
class WriteAnswer:
    """The answer: the object after the write, or the list of labels."""

    body: Any = None


class Audit:
    """Writes the audit lines."""

    def __init__(self, *, log: Log) -> None:
        """Create an audit.

        Args:
            log: Bound to the writer (step, pod, workflow, account) and to the push.
        """
        self._log = log

    def bind(self, **fields: LogValue) -> Audit:
        """Return an audit that adds these fields to every line."""
        return Audit(log=self._log.bind(**fields))

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
            resource: Kind of the object.
            namespace: Namespace of the object; at GitHub, the repository.
            name: Name of the object; at GitHub, the pull request's number and the label.
            reason: The reason.
            sent: The body. Only its uid, version and labels with the product's prefix are logged.
            refused: Returns whether an error means that nothing was written.

        Yields:
            The object that takes the answer.
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
    """Return uid, version and task in the request."""
    metadata = sent.get("preconditions") or sent.get("metadata") or {}
    task = (metadata.get("labels") or {}).get(TASK)
    found: dict[str, LogValue] = {"uid": metadata.get("uid", ""), "version_before": metadata.get("resourceVersion", "")}
    return found | ({"task": task} if task else {})


def _after(answer: object) -> dict[str, LogValue]:
    """Return version, holder and phase in the answer, or the labels of a pull request."""
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
