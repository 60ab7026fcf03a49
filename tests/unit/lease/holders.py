"""What the tests of the Lease share: a holder that has it."""

from __future__ import annotations

from dataclasses import replace

from steps.domain.record import Phase, Record
from steps.lease.held_lease import HeldLease
from tests.support.factories import DONE
from tests.support.harness import Scene, Workflow

RECORD = replace(DONE, phase=Phase.IN_PROGRESS)


def take(_: Record | None) -> Record | None:
    return RECORD


def acquired(scene: Scene, workflow: Workflow, *, pod: str) -> HeldLease:
    held = scene.context(workflow, pod=pod).lease().acquire(take)
    assert held is not None
    return held
