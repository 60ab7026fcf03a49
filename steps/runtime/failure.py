"""Records a failure of a step and releases its Lease, so that a retry starts at once.

A helper that fails leaves the task to the push's own Workflow: the record says `in_progress`, or is the one that the
helper found if no agent is being stopped yet.

Guarantees that nothing is written after the Lease is lost: another holder owns the record then. Nothing is undone: a
retry or reconcile finishes the work. If the API server is unreachable, the Lease expires instead.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.core import StepError
from steps.domain import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.domain import Record
    from steps.lease import HeldLease
    from steps.runtime.context import StepContext


@contextmanager
def recording_failure(held: HeldLease, *, context: StepContext) -> Iterator[None]:
    """Record any error of the body, release the Lease, and raise the error again. A released Lease stays as it is."""
    try:
        yield
    except Exception as error:
        if held.released:
            raise
        # Only the text of a StepError is known to be safe.
        text = f"{type(error).__name__}: {error}" if isinstance(error, StepError) else type(error).__name__
        try:
            held.release(_failed(held, text=text, context=context))
        except StepError as second:
            context.log.warning("could not record the failure, the Lease will expire", error=type(second).__name__)
        raise


@contextmanager
def logged_failure(event: str, *, context: StepContext) -> Iterator[None]:
    """Log any error of the body and go on: for work that must not fail the step."""
    try:
        yield
    except StepError as error:
        context.log.warning(event, error=type(error).__name__, problem=str(error))
    except Exception as error:  # noqa: BLE001 - a fault of the code must not fail the step either
        context.log.unexpected(error)


def _failed(held: HeldLease, *, text: str, context: StepContext) -> Record:
    """Return the record to release the Lease with."""
    if context.helper is None:
        return replace(held.record, phase=Phase.FAILED, finished_at=context.now()).with_error(text)
    if held.stored and not any(agent.unproven for agent in held.record.agents):
        return held.stored
    return held.record.with_error(f"{context.helper} tried to help: {text}")
