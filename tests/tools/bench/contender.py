"""One contender for a Lease, as a process: takes it as a step does, holds it for a while, lets it go.

    python -m tests.tools.bench.contender --namespace N --lease L --pod P --pod-uid U --start SECONDS --hold SECONDS

Prints a JSON object with moments on the machine's monotonic clock, which all processes share: when it asked, when it
had the Lease, and when it began to let go.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from steps.core.clock import SystemClock
from steps.domain.push import Push, Repository, Sha
from steps.domain.record import Phase, Record
from steps.domain.task_id import TaskId
from steps.kube.client import Kube
from steps.kube.connection import connect_kubernetes
from steps.lease.holder import Holder
from steps.lease.task_lease import TaskLease
from steps.settings.loading import StepSettings, settings_from_env
from steps.telemetry.audit import Audit
from steps.telemetry.log import Log

if TYPE_CHECKING:
    from collections.abc import Sequence


def _record(stored: Record | None) -> Record:
    """A record to take the Lease with, whatever stands in it."""
    now = datetime.now(UTC)
    push = Push(
        repository=Repository("5dlabs/lock"),
        task=TaskId("1"),
        ref="refs/heads/task-1-work",
        sha=Sha("b" * 40),
        pushed_at=now,
        correlation_id="bench",
        reason="push",
        dry_run=False,
        requested_by="bench",
    )
    return Record(
        push=push,
        watermark=now,
        phase=Phase.IN_PROGRESS,
        attempts=1 + (stored.attempts if stored else 0),
        workflow="bench",
        workflow_uid="bench",
        started_at=now,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Contend."""
    parser = argparse.ArgumentParser()
    for name in ("namespace", "lease", "pod", "pod-uid"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("start", "hold"):
        parser.add_argument(f"--{name}", type=float, required=True)
    given = parser.parse_args(arguments)
    settings, clock = settings_from_env(os.environ, StepSettings), SystemClock()
    audit = Audit(log=Log(clock=clock, stream=io.StringIO()))
    lease = TaskLease(
        kube=Kube(
            transport=connect_kubernetes(), clock=clock, settings=settings.kubernetes, random=random.random, audit=audit
        ),
        clock=clock,
        random=random.random,
        settings=settings.lease,
        namespace=given.namespace,
        name=given.lease,
        holder=Holder(pod=given.pod, pod_uid=given.pod_uid, workflow_uid="bench"),
    )
    time.sleep(max(0.0, given.start - time.monotonic()))
    asked = time.monotonic()
    held = lease.acquire(_record)
    acquired = time.monotonic()
    if held is None:
        raise AssertionError("the claim never declines")
    time.sleep(given.hold)
    released = time.monotonic()
    held.release(held.record)
    json.dump({"asked": asked, "acquired": acquired, "released": released, "epoch": held.epoch}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
