"""A load that lasts: `python -m tests.e2e.support.sustained [--tasks N] [--pushes N] [--every SECONDS]`, as root.

By default what a busy platform does in an hour (100 pushes to 50 tasks), a push every five seconds, with an agent at
work before each, with reconcile's schedule, and with finished Workflows kept for a minute. Guarantees: 1 as exit code
if a push is not dealt with, or if anything grows: Leases beyond one a task, ConfigMaps, Workflows and pods that are
left once their time is over, and what a container takes of memory in the last third of the pushes against the first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields

from rich.console import Console
from rich.table import Table

from steps.core.keys import APP
from tests.e2e.provision.argo import Options
from tests.e2e.provision.cluster import Cluster, configure, up
from tests.e2e.provision.folders import say
from tests.e2e.support.installation import install, settings_for, suspend
from tests.e2e.support.outcome import settled
from tests.e2e.support.pods import step_pods
from tests.e2e.support.stage import Stage
from tests.e2e.support.surroundings import Surroundings, surroundings
from tests.tools.bench.cluster.memory import Peaks, sampling

# MiB by container, in the order of the pushes.
Memory = dict[str, list[float]]
KEPT_S = 60
# What a container happens to wait for makes some difference; a leak would make more.
_GROWTH = 1.15
# The schedule's own Workflows, and those whose minute is not quite over.
_UNDER_WAY = 8
_DEADLINE_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What there is at one moment."""

    pushes: int
    leases: int
    config_maps: int
    workflows: int
    pods: int


@contextmanager
def short_memory(cluster: Cluster) -> Iterator[None]:
    """Keep Workflows that succeeded for a minute, and let reconcile's schedule run, until the context is left."""
    folder = cluster.folder / "sustained"
    folder.mkdir(exist_ok=True)
    changes = {"keep_succeeded_s = 86400 ": f"keep_succeeded_s = {KEPT_S} "}
    changed = settings_for(cluster.host, cluster.image, folder=folder, changes=changes)
    install(cluster.kubectl, changed, folder=folder / "rendered")
    suspend(cluster.kubectl, changed, suspended=False)
    try:
        yield
    finally:
        up(None)


def count(around: Surroundings, *, pushes: int) -> Count:
    """Count what could grow."""
    spaces = around.cluster.settings.namespaces

    def there(api: str, plural: str, *namespaces: str, selector: str = "") -> int:
        paths = [f"{api}/namespaces/{namespace}/{plural}" for namespace in namespaces]
        return sum(len(around.client.ask("GET", path, query={"labelSelector": selector})["items"]) for path in paths)

    managed = ",".join(f"{name}={value}" for name, value in APP.items() if name.endswith("managed-by"))
    return Count(
        pushes=pushes,
        leases=there("/apis/coordination.k8s.io/v1", "leases", spaces.workflows, selector=managed),
        config_maps=there("/api/v1", "configmaps", spaces.workflows, spaces.agents[0]),
        workflows=there("/apis/argoproj.io/v1alpha1", "workflows", spaces.workflows),
        pods=there("/api/v1", "pods", spaces.workflows),
    )


def remembered(stage: Stage, peaks: Peaks) -> dict[str, float]:
    """MiB by container, of the pods of a task's Workflows that are there."""
    found: dict[str, float] = {}
    for workflow in stage.workflows():
        for pod in step_pods(stage, workflow["metadata"]["name"]):
            with suppress(KeyError):  # it has no status yet
                found |= peaks.of(pod)
    return found


def load(
    around: Surroundings, stages: list[Stage], *, pushes: int, every_s: float
) -> tuple[list[Count], dict[str, list[float]]]:
    """Push, again and again; what there was on the way, and the peaks of memory in order."""
    counts, memory = [count(around, pushes=0)], defaultdict[str, list[float]](list)
    with sampling() as peaks:
        for number in range(pushes):
            began, stage = time.monotonic(), stages[number % len(stages)]
            # The one before ended long ago: its pod shows what it took.
            for container, mib in remembered(stages[(number - 5) % len(stages)], peaks).items():
                memory[container].append(mib)
            stage.at_work(stage.start())
            assert stage.deliver(stage.push(number // len(stages) + 1)) == 200
            if (number + 1) % max(1, pushes // 10) == 0:
                counts.append(count(around, pushes=number + 1))
                say(f"{number + 1} pushes: {counts[-1]}")
            time.sleep(max(0.0, began + every_s - time.monotonic()))
    return counts, dict(memory)


def with_jobs(stages: list[Stage], counts: list[Count], memory: Memory, *, before: Count) -> Iterator[str]:
    """What has grown, or was left undone."""
    last = counts[-1]
    if last.leases > before.leases + len(stages):
        yield f"{last.leases - before.leases} Leases for {len(stages)} tasks"
    if last.config_maps > before.config_maps:
        yield f"{last.config_maps - before.config_maps} ConfigMaps more than before"
    for name in ("workflows", "pods"):
        if getattr(last, name) > getattr(before, name) + _UNDER_WAY:
            yield f"{getattr(last, name) - getattr(before, name)} {name} are left"
    for container, mib in memory.items():
        third = len(mib) // 3
        first, then = statistics.median(mib[:third]), statistics.median(mib[-third:])
        if then > first * _GROWTH:
            yield f"container {container}: {then:.1f} MiB, at first {first:.1f} MiB"


def tables(counts: list[Count], memory: Memory) -> Iterator[Table]:
    """Tables for people."""
    names = [field.name for field in fields(Count)]
    table = Table(*names, title="What there was")
    for each in counts:
        table.add_row(*(str(getattr(each, name)) for name in names))
    yield table
    table = Table("container", "pods", "first third, MiB", "last third, MiB", title="Memory at most, medians")
    for container, mib in memory.items():
        third = len(mib) // 3
        table.add_row(
            container, str(len(mib)), f"{statistics.median(mib[:third]):.1f}", f"{statistics.median(mib[-third:]):.1f}"
        )
    yield table


def main() -> int:
    """Do it; 1 if anything grows or is left undone."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.support.sustained", description=__doc__)
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--pushes", type=int, default=100)
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
    given = parser.parse_args()
    cluster = up(None)
    configure(cluster, Options())
    with surroundings(cluster) as around, short_memory(cluster):
        stages = [around.stage() for _ in range(given.tasks)]
        before = count(around, pushes=0)
        counts, memory = load(around, stages, pushes=given.pushes, every_s=given.every)
        for stage in stages:
            stage.all_ended(deadline_s=_DEADLINE_S)
        for number, stage in enumerate(stages):
            settled(stage, number=(given.pushes - number + given.tasks - 1) // given.tasks)
        until = time.monotonic() + _DEADLINE_S
        while time.monotonic() < until:
            counts.append(count(around, pushes=given.pushes))
            problems = list(with_jobs(stages, counts, memory, before=before))
            if not problems:
                break
            time.sleep(10)
    for table in tables(counts, memory):
        Console().print(table)
    for problem in problems:
        say(f"grown: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
