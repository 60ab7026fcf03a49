"""One contender for a Lease, as a process: takes it as a step does, holds it for a while, lets it go.

    python -m tests.bench.contender --namespace N --lease L --pod P --pod-uid U --start SECONDS --hold SECONDS

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

from steps import settings
from steps.audit import Audit
from steps.clock import SystemClock
from steps.holder import Holder
from steps.kube import Kube
from steps.lease import TaskLease
from steps.log import Log
from steps.push import Push, Repository, Sha, TaskId
from steps.record import Phase, Record
from steps.transport import connect

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
    rules, clock = settings.from_env(os.environ, settings.StepSettings), SystemClock()
    audit = Audit(log=Log(clock=clock, stream=io.StringIO()))
    lease = TaskLease(
        kube=Kube(transport=connect(), clock=clock, rules=rules.kubernetes, random=random.random, audit=audit),
        clock=clock,
        random=random.random,
        rules=rules.lease,
        namespace=given.namespace,
        name=given.lease,
        holder=Holder(pod=given.pod, pod_uid=given.pod_uid, workflow_uid="bench"),
    )
    time.sleep(max(0.0, given.start - time.monotonic()))
    asked = time.monotonic()
    hold = lease.acquire(_record)
    acquired = time.monotonic()
    if hold is None:
        raise AssertionError("the claim never declines")
    time.sleep(given.hold)
    released = time.monotonic()
    hold.release(hold.record)
    json.dump({"asked": asked, "acquired": acquired, "released": released, "epoch": hold.epoch}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
