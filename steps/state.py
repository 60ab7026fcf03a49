"""The platform's own state of a task: a JSON document in a ConfigMap that other programs own.

Guarantees: written by compare-and-swap and never by an epoch older than the last that wrote; every field we do not know
survives; a document that cannot be read is copied aside and left as it is; without a document nothing is made up. State
is a courtesy to the platform: a ConfigMap that is missing, corrupt or full is reported and never stops a cancellation.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.clock import stamp
from steps.errors import ConflictError, FencedError, NotFoundError, TooLargeError, UnavailableError
from steps.hold import PREFIX
from steps.kube import CONFIG_MAPS
from steps.why import Cause

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.context import Context
    from steps.hold import Hold
    from steps.kube import Json

EPOCH = f"{PREFIX}/epoch"
FLAG = "cancellation_in_progress"
# One key, so that copies are bounded: the latest corrupt document.
QUARANTINE = ".quarantine"
_ATTEMPTS = 5
_MAX_MESSAGES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to change in the document.

    Attributes:
        in_progress: The new value of the flag.
        message: One more error message; empty for none.
    """

    in_progress: bool
    message: str = ""

    @property
    def detail(self) -> str:
        """What the audit says of it."""
        return f"{FLAG}={str(self.in_progress).lower()}"

    def apply(self, document: Json, *, now: str) -> Json:
        """The document after the change; itself if the change says nothing new."""
        if bool(document.get(FLAG)) == self.in_progress and not self.message:
            return document
        changed = document | {FLAG: self.in_progress, "last_update": now}
        if self.message:
            # A list that somebody made something else of is theirs; the message stands in our record as well.
            messages = document.get("error_messages", [])
            if isinstance(messages, list):
                changed["error_messages"] = [*messages, self.message][-_MAX_MESSAGES:]
        return changed


def read_object(text: str) -> Json | None:
    """A JSON object; None if the text is none, or is nested deeper than anybody could read."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def update(change: Change, *, context: Context, hold: Hold) -> None:
    """Change the task's state document, if there is one.

    Args:
        change: What to change.
        context: The step.
        hold: Checked right before the write; its epoch is the fence.

    Raises:
        FencedError: A later epoch has written.
        LockLostError: The hold was lost.
        UnavailableError: The API server does not answer.
    """
    rules, namespace = context.settings.state, context.settings.namespaces.agents
    name = rules.config_map.format(task=context.push.task)
    for attempt in range(_ATTEMPTS):
        try:
            stored = context.kube.get(CONFIG_MAPS, namespace=namespace, name=name)
        except NotFoundError:
            context.log.info("no state document", config_map=name)
            return
        _fence(stored, hold=hold)
        wanted = changed(stored, key=rules.key, change=change, now=stamp(context.clock.now()), warn=context.log.warning)
        if wanted == stored:
            return
        wanted["metadata"]["annotations"] = (stored["metadata"].get("annotations") or {}) | {EPOCH: str(hold.epoch)}
        hold.check()
        try:
            why = hold.why(Cause.STATE, change.detail)
            context.kube.replace(CONFIG_MAPS, namespace=namespace, body=wanted, why=why)
        except TooLargeError:
            context.log.warning("state document not written: the ConfigMap is full", config_map=name)
            return
        except NotFoundError:
            return
        except (ConflictError, UnavailableError):
            # Read again: somebody else wrote, or our write took effect and the answer was lost.
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        return


def _fence(stored: Json, *, hold: Hold) -> None:
    text = (stored["metadata"].get("annotations") or {}).get(EPOCH, "0")
    if text.isascii() and text.isdigit() and int(text) > hold.epoch:
        raise FencedError(f"state was written in epoch {text}, our hold is of epoch {hold.epoch}")


def changed(stored: Json, *, key: str, change: Change | None, now: str, warn: Callable[..., None]) -> Json:
    """The ConfigMap to write; the stored one itself (or an equal one) if nothing is to be written.

    Args:
        stored: As it was read.
        key: Of the document.
        change: What to change in it; None to do no more than copy aside what cannot be read.
        now: For its `last_update`.
        warn: Called if the document cannot be read; it is then copied aside and left as it is.
    """
    text = (stored.get("data") or {}).get(key)
    if text is None:
        return stored
    wanted = copy.deepcopy(stored)
    document = read_object(text)
    if document is None:
        aside = f"{key}{QUARANTINE}"
        warn("state document is not a JSON object: copied aside, left as it is", key=key, copied_to=aside)
        wanted["data"][aside] = text
        return wanted
    changed = change.apply(document, now=now) if change else document
    if changed is not document:
        wanted["data"][key] = json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
    return wanted
