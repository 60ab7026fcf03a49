"""What the tests of findings share: records of a task in trouble, and the kinds that are found in a snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from steps.domain.record import Phase
from steps.reconciliation.detection import find_problems
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.snapshot import ClusterSnapshot
from tests.support.factories import DONE, NOW
from tests.support.harness import DEFAULTS

POD = ("pod", "uid")
HOLDER = "workflow/uid/pod"


def kinds(**snapshot: Any) -> list[FindingKind]:  # noqa: ANN401 - passed on
    return [finding.kind for finding in find_problems(ClusterSnapshot(now=NOW, **snapshot), settings=DEFAULTS)]


IN_PROGRESS = replace(DONE, phase=Phase.IN_PROGRESS)
FAILED = replace(DONE, phase=Phase.FAILED)
