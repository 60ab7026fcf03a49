"""Failing well: what went wrong stands in the record and the Lease is free before the step ends.

So a retry starts at once instead of waiting for the Lease to expire. Nothing is undone: a retry or reconcile rolls
forward. If the hold itself is lost, nothing is written: the record belongs to somebody else now.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.core import StepError
from steps.domain import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.lease import HeldLease
    from steps.runtime.context import StepContext


@contextmanager
def recording_failure(held: HeldLease, *, context: StepContext) -> Iterator[None]:
    """Write a failure of the body into the record and release the Lease; the failure goes on to the caller."""
    try:
        yield
    except Exception as error:
        # The text of an error that is not ours may quote anything.
        text = f"{type(error).__name__}: {error}" if isinstance(error, StepError) else type(error).__name__
        record = replace(held.record, phase=Phase.FAILED, finished_at=context.clock.now()).with_error(text)
        try:
            held.release(record)
        except StepError as second:
            context.log.warning("the failure could not be recorded, the Lease will expire", error=type(second).__name__)
        raise
