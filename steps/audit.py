"""The audit: one line in the log for each write that was sent, whatever came of it.

Guarantees that no write of steps.kube or steps.github goes without its line, also one that was refused, or whose answer
was lost; and that a line holds names, versions and reasons, never a body, a header or a credential. Does not guarantee
the line of the one write that was under way when the process was killed: the API server's own audit log has that, and
the task's record tells what was about to be done. Signing in at GitHub, which changes nothing there, has no line.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from steps.hold import PHASE, TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from steps.log import Log, Value
    from steps.why import Why

EVENT = "audit"
_MAX_LABELS = 20


class Result(StrEnum):
    """What came of a write."""

    DONE = "done"
    REFUSED = "refused"
    # No answer, or none that tells: it may have taken effect.
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Answer:
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
        why: Why,
        sent: Mapping[str, Any] | None,
        refused: Callable[[BaseException], bool],
    ) -> Iterator[Answer]:
        """Enclose one request that writes.

        Args:
            api: `kubernetes` or `github`.
            verb: create, update, patch or delete.
            resource: What kind of object.
            namespace: Of the object; at GitHub, the repository.
            name: Of the object; at GitHub, the pull request's number and the label.
            why: Its reason.
            sent: The body; only uid, version and labels of ours are looked at.
            refused: Whether an error means that nothing was written.

        Yields:
            Where to leave the answer.
        """
        answer, result, error = Answer(), Result.UNKNOWN, ""
        try:
            yield answer
            result = Result.DONE
        except BaseException as problem:
            error = type(problem).__name__
            result = Result.REFUSED if refused(problem) else Result.UNKNOWN
            raise
        finally:
            fields: dict[str, Value] = {"api": api, "verb": verb, "resource": resource, "namespace": namespace}
            fields |= {"name": name, "cause": why.cause, "epoch": why.epoch, "result": result}
            fields |= {"detail": why.detail} if why.detail else {}
            fields |= {"error": error} if error else {}
            fields |= _before(sent or {}) | _after(answer.body)
            self._log.info(EVENT, **fields)


def _before(sent: Mapping[str, Any]) -> dict[str, Value]:
    """Uid, version and task as the request names them."""
    metadata = sent.get("preconditions") or sent.get("metadata") or {}
    task = (metadata.get("labels") or {}).get(TASK)
    found: dict[str, Value] = {"uid": metadata.get("uid", ""), "version_before": metadata.get("resourceVersion", "")}
    return found | ({"task": task} if task else {})


def _after(answer: object) -> dict[str, Value]:
    """Version, holder and phase as they were answered; or the labels of a pull request."""
    if isinstance(answer, list):
        return {"labels_after": [str(label["name"]) for label in answer[:_MAX_LABELS]]}
    if not isinstance(answer, dict) or "metadata" not in answer:
        return {}
    metadata, spec = answer.get("metadata") or {}, answer.get("spec") or {}
    found: dict[str, Value] = {"version_after": metadata.get("resourceVersion", "")}
    if uid := metadata.get("uid"):
        found["uid"] = uid
    if phase := (metadata.get("labels") or {}).get(PHASE):
        found |= {"phase": phase, "holder": spec.get("holderIdentity") or ""}
    return found
