"""Changes a task's state document under the fencing epoch of its Lease.

Guarantees that all other fields survive, that a corrupt document is copied to the quarantine key and left as it is, and
that a later epoch of the same Lease is never overwritten. A deleted Lease begins again at epoch 1. Its holder writes
the document after it has proven that its own Lease exists. The document is optional: a refused write does not fail a
cancellation, unless the Lease is lost.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.cancellation.state_document import IN_PROGRESS_FLAG, QUARANTINE, dump_json_object, parse_json_object
from steps.core import (
    PREFIX,
    STEP_ENDS,
    FencedError,
    NotFoundError,
    StepError,
    format_time,
    retry_on_conflict,
)
from steps.kube import CONFIG_MAPS
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from steps.kube import Json, ObjectReference
    from steps.lease import HeldLease
    from steps.runtime import StepContext

STATE_EPOCH = f"{PREFIX}/epoch"
# Name and uid of the Lease of the epoch; the name alone if an earlier version wrote it. Two repositories may have a
# task with the same id, and share one state document.
STATE_EPOCH_OF = f"{PREFIX}/epoch-of"
_MAX_MESSAGES = 50
# An epoch has 32 bits. A longer text is none, and Python refuses to read a very long one.
_EPOCH = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """A change of the document.

    Attributes:
        in_progress: The new value of the flag.
        message: One more error message; empty for none.
    """

    in_progress: bool
    message: str = ""

    @property
    def detail(self) -> str:
        """Detail for the audit line."""
        return f"{IN_PROGRESS_FLAG}={str(self.in_progress).lower()}"

    def apply(self, document: Json, *, now: str) -> Json:
        """Return the changed document; the document itself if nothing changes."""
        if bool(document.get(IN_PROGRESS_FLAG)) == self.in_progress and not self.message:
            return document
        changed = document | {IN_PROGRESS_FLAG: self.in_progress, "last_update": now}
        if self.message:
            # If another client changed the type of the field, it is left alone. The record has the message as well.
            messages = document.get("error_messages", [])
            if isinstance(messages, list):
                changed["error_messages"] = [*messages, self.message][-_MAX_MESSAGES:]
        return changed


def update_state_document(change: StateChange, *, context: StepContext, held: HeldLease) -> StepError | None:
    """Change the task's state document, if there is one.

    Args:
        change: What to change.
        context: The step.
        held: The task's Lease, checked right before the write. Its epoch is the fencing epoch.

    Returns:
        Why the document was not written; None if it was, or if nothing had to be written.

    Raises:
        FencedError: A holder with a later epoch of the same Lease has written the document.
        LockLostError: The Lease was lost.
    """
    if not context.settings.state.config_map:
        return None
    try:
        retry_on_conflict(
            lambda: _update_once(change, context=context, held=held),
            clock=context.clock,
            random=context.random,
            while_waiting=held.renew_if_due,
        )
    except STEP_ENDS:
        raise
    except StepError as error:
        context.log.warning("state document not written", problem=str(error))
        return error
    return None


def _update_once(change: StateChange, *, context: StepContext, held: HeldLease) -> None:
    """Read and write once. Reading again shows whether an earlier write was applied."""
    settings, namespace = context.settings.state, context.settings.namespaces.documents
    name = settings.of_task(context.push.task)
    try:
        stored = context.clients.kube.get(CONFIG_MAPS, namespace=namespace, name=name)
    except NotFoundError:
        context.log.info("no state document", config_map=name)
        return
    _fence(stored, held=held)
    now = format_time(context.now())
    wanted = changed_config_map(stored, key=settings.key, change=change, now=now, warn=context.log.warning)
    if wanted == stored:
        return
    epoch = {STATE_EPOCH: str(held.epoch), STATE_EPOCH_OF: epoch_issuer(held.reference)}
    wanted["metadata"]["annotations"] = (stored["metadata"].get("annotations") or {}) | epoch
    held.ensure_held()
    reason = held.write_reason(WriteCause.STATE, change.detail)
    try:
        context.clients.kube.replace(
            CONFIG_MAPS, namespace=namespace, body=wanted, reason=reason, guard=held.ensure_held
        )
    except NotFoundError:
        return


def _fence(stored: Json, *, held: HeldLease) -> None:
    """Refuse to overwrite a later epoch of the same Lease. Epochs of different Leases cannot be compared.

    If the Lease was deleted and created again, its earlier holder may still be at work. A write of the Lease succeeds
    for one of the two only.
    """
    annotations = stored["metadata"].get("annotations") or {}
    text, lease = annotations.get(STATE_EPOCH, "0"), held.reference
    if not is_epoch_of(lease, annotations=annotations):
        if annotations[STATE_EPOCH_OF].startswith(f"{lease.name}/"):
            held.write(held.record)
        return
    if _EPOCH.fullmatch(text) and int(text) > held.epoch:
        raise FencedError(
            f"the state document was written in epoch {text}, this holder has epoch {held.epoch}: if no other program "
            f"works on the task, remove annotation {STATE_EPOCH} of ConfigMap {stored['metadata']['name']}"
        )


def epoch_issuer(lease: ObjectReference) -> str:
    """Return the text that says which Lease an epoch is of."""
    return f"{lease.name}/{lease.uid}"


def is_epoch_of(lease: ObjectReference, *, annotations: Mapping[str, str]) -> bool:
    """Whether the epoch in a document's annotations is of this Lease. An epoch without a Lease counts as its own."""
    return annotations.get(STATE_EPOCH_OF, lease.name) in (lease.name, epoch_issuer(lease))


def changed_config_map(
    stored: Json, *, key: str, change: StateChange | None, now: str, warn: Callable[..., None]
) -> Json:
    """Return the ConfigMap to write. It equals the stored one if nothing has to be written.

    Args:
        stored: The ConfigMap as it was read.
        key: Key of the document.
        change: The change; None only copies a corrupt document to the quarantine key.
        now: Time for `last_update`, in RFC 3339.
        warn: Called if the document is corrupt. It is then copied to the quarantine key and left as it is.
    """
    text = (stored.get("data") or {}).get(key)
    if text is None:
        return stored
    wanted = copy.deepcopy(stored)
    document = parse_json_object(text)
    if document is None:
        quarantine = f"{key}{QUARANTINE}"
        warn("state document is not a JSON object: copied to the quarantine key", key=key, copied_to=quarantine)
        wanted["data"][quarantine] = text
        return wanted
    changed = change.apply(document, now=now) if change else document
    if changed is not document:
        wanted["data"][key] = dump_json_object(changed)
    return wanted
