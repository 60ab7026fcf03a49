"""Records a failure of a step and releases its Lease, so that a retry starts at once.

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

    from steps.lease import HeldLease
    from steps.runtime.context import StepContext


@contextmanager
def recording_failure(held: HeldLease, *, context: StepContext) -> Iterator[None]:
    """Record any error of the body, release the Lease, and raise the error again."""
    try:
        yield
    except Exception as error:
        # Only the text of a StepError is known to be safe.
        text = f"{type(error).__name__}: {error}" if isinstance(error, StepError) else type(error).__name__
        record = replace(held.record, phase=Phase.FAILED, finished_at=context.clock.now()).with_error(text)
        try:
            held.release(record)
        except StepError as second:
            context.log.warning("could not record the failure, the Lease will expire", error=type(second).__name__)
        raise
