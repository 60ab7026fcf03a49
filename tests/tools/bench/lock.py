"""Entry `lock`: how long it takes to get a task's Lease that is free, from a dead holder, and from one of five."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from steps.core.clock import format_micro_time
from steps.lease.holder import Holder
from steps.settings.loading import SETTINGS_ENV
from tests.tools.bench.measured import BenchError, Entry, Row
from tests.tools.bench.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.tools.bench.bench import Bench
    from tests.tools.bench.world import World

ROUNDS, CONTENDED_ROUNDS, CONTENDERS, HOLD_S = 5, 2, 5, 0.5
# So long does a process take to import the client, with all of them at it.
STARTING_S = 4.0
DEAD_TARGET_S, CONTENDED_TARGET_S, LIMIT_S = 1.0, 5.0, 60
FREE, ENDED, VANISHED = "free Lease", "holder's pod has failed", "holder's pod is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One process with the Lease, in seconds on the machine's monotonic clock."""

    asked: float
    acquired: float
    released: float
    epoch: int


def _pod(world: World, *, phase: str) -> tuple[str, str]:
    """A pod of the workflows' namespace; its name and uid."""
    namespace, client = world.settings.namespaces.workflows, world.client
    path, name = f"/api/v1/namespaces/{namespace}/pods", f"holder-{uuid.uuid4()}"
    spec = {"containers": [{"name": "main", "image": "none"}], "nodeName": "node-1"}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    uid = client.ask("POST", path, body)["metadata"]["uid"]
    status = {"status": {"phase": phase}}
    client.ask("PATCH", f"{path}/{name}/status", status, content_type="application/merge-patch+json")
    return name, uid


def _lease(world: World, *, holder: str) -> str:
    """A Lease that has just been renewed by a holder; its name."""
    namespace, name = world.settings.namespaces.workflows, f"cancel-bench-{uuid.uuid4()}"
    spec: dict[str, Any] = {"leaseTransitions": 1, "leaseDurationSeconds": 30}
    if holder:
        from_now = format_micro_time(datetime.now(UTC))
        spec |= {"holderIdentity": holder, "renewTime": from_now, "acquireTime": from_now}
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}
    world.client.ask("POST", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases", body)
    return name


def _contend(world: World, *, lease: str, pods: Sequence[tuple[str, str]], hold_s: float) -> list[Turn]:
    """Let a process for each pod contend for a Lease from the same moment on; their turns, in order."""
    start = time.monotonic() + (STARTING_S if len(pods) > 1 else 0.0)
    environment = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(world.kubeconfig),
        SETTINGS_ENV: world.settings.for_steps(),
    }
    command = [sys.executable, "-m", "tests.tools.bench.contender", "--lease", lease, "--start", str(start)]
    command += ["--hold", str(hold_s), "--namespace", world.settings.namespaces.workflows]
    with ExitStack() as stack:
        running = [
            subprocess.Popen(
                [*command, "--pod", pod, "--pod-uid", uid], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
            for pod, uid in pods
        ]
        for process in running:
            stack.callback(process.kill)
        answers = [process.communicate(timeout=LIMIT_S)[0] for process in running]
    if failed := [process.returncode for process in running if process.returncode]:
        raise BenchError(f"contenders ended with {failed}")
    turns = sorted((Turn(**json.loads(text)) for text in answers), key=lambda turn: turn.epoch)
    if any(late.acquired < early.released for early, late in pairwise(turns)):
        raise BenchError("two had the Lease at once: what it took means nothing")
    return turns


def measure(bench: Bench) -> Iterator[Row]:
    """First alone, in turns; then five at once."""
    world = bench.control_plane()
    waited: dict[str, list[float]] = {FREE: [], ENDED: [], VANISHED: []}
    for number in range(total := bench.rounds(ROUNDS)):
        bench.progress(f"taking a Lease, round {number + 1} of {total}")
        for case, values in waited.items():
            holder = ""
            if case != FREE:
                pod, uid = _pod(world, phase="Failed") if case == ENDED else ("vanished", str(uuid.uuid4()))
                holder = str(Holder(pod=pod, pod_uid=uid, workflow_uid="earlier"))
            pods = [_pod(world, phase="Running")]
            turn = _contend(world, lease=_lease(world, holder=holder), pods=pods, hold_s=0.0)[0]
            values.append(turn.acquired - turn.asked)
    free = Row(what=FREE, unit="s", values=tuple(waited[FREE]))
    yield free
    for case in (ENDED, VANISHED):
        yield Row(what=case, unit="s", values=tuple(waited[case]), target=DEAD_TARGET_S, worst=True).against(free=free)
    handed: list[float] = []
    for number in range(total := bench.rounds(CONTENDED_ROUNDS)):
        bench.progress(f"{CONTENDERS} contend for a Lease, round {number + 1} of {total}")
        pods = [_pod(world, phase="Running") for _ in range(CONTENDERS)]
        turns = _contend(world, lease=_lease(world, holder=""), pods=pods, hold_s=HOLD_S)
        handed += [late.acquired - early.released for early, late in pairwise(turns)]
    row = Row(
        what=f"hand-over, {CONTENDERS} contend",
        unit="s",
        values=tuple(handed),
        target=CONTENDED_TARGET_S,
        worst=True,
    )
    yield row.against(free=free)


ENTRY = Entry(
    name="lock",
    title="Getting a task's Lease",
    includes=(
        "Processes with the steps' own code and account, against a real kube-apiserver. Each time is from the first "
        "request, TLS included, until the process holds the Lease. A dead holder had renewed right before. A "
        "hand-over is from the start of one holder's release until the next holder has the Lease. Waiters read the "
        "Lease every 1.0 to 1.2 s."
    ),
    measure=measure,
)
