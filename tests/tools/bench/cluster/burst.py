"""Entries `burst` and `large-burst`: 25 pushes at once, to 25 tasks and to one; and 100."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.e2e.support.pods import executions
from tests.e2e.support.task import REPOSITORY
from tests.support.doubt import wait_out_doubt
from tests.tools.bench.cluster.burst_timeline import waits
from tests.tools.bench.cluster.burst_ways import BARE, SHIPPED, WAYS, How, applied
from tests.tools.bench.cluster.ways import SCRIPT, installed
from tests.tools.bench.measured import Entry, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tests.doubles.github.webhooks import Delivery
    from tests.e2e.support.stage import Stage
    from tests.e2e.support.surroundings import Surroundings
    from tests.tools.bench.bench import Bench

MANY, QUICK, FEW, LARGE = 25, 8, 8, 100
# Design: against a bare one-pod script in the same run; at most two executions for one task.
TERMINATING_TARGET, GONE_TARGET, LABELS_TARGET, FURTHER_S, EXECUTIONS_TARGET = 0.4, 0.75, 0.8, 0.1, 2.0
LARGE_TERMINATING_TARGET = 0.2
_DEADLINE_S = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What was seen of one burst, in seconds since its first webhook."""

    terminating: float
    gone: float
    labels: float
    ended: float


def _staged(around: Surroundings, count: int) -> list[Stage]:
    """Tasks with an agent at work on each."""
    stages = [around.stage() for _ in range(count)]
    runs = [stage.start() for stage in stages]
    for stage, run in zip(stages, runs, strict=True):
        stage.at_work(run)
    return stages


def _deliver(pairs: list[tuple[Stage, Delivery]]) -> float:
    """Deliver them one right after the other; when that began."""
    began = time.time()
    for stage, delivery in pairs:
        assert stage.deliver(delivery) == 200
    return began


def _all(stages: list[Stage], condition: Callable[[Stage], bool], *, what: str) -> float:
    """Wait until this holds of every task; when it did."""
    for stage in stages:
        stage.until(partial(condition, stage), what=what, deadline_s=_DEADLINE_S)
    return time.time()


def _to_many(bench: Bench, around: Surroundings, count: int, *, way: How) -> Burst:
    """Pushes to as many tasks."""
    stages = _staged(around, count)
    wait_out_doubt(time.time())
    repository = SCRIPT.repository if way.script else REPOSITORY
    began = _deliver([(stage, stage.push(repository=repository)) for stage in stages])
    terminating = _all(stages, lambda stage: stage.deleting() or not stage.runs(), what="its agent is terminating")
    gone = _all(stages, lambda stage: not stage.pods(), what="its agents are gone")
    moved = {"remediation-in-progress"}
    labels = gone if way.script else _all(stages, lambda stage: stage.labels() == moved, what="its labels are moved")
    for stage in stages:
        stage.all_ended(deadline_s=_DEADLINE_S)
    if way is SHIPPED:
        bench.bursts.append(waits(stages, began=began))
    return Burst(terminating=terminating - began, gone=gone - began, labels=labels - began, ended=time.time() - began)


def _by_way(bench: Bench, around: Surroundings, count: int, *, ways: Iterable[How]) -> dict[str, Burst]:
    """The same burst, answered in each of these ways."""
    seen: dict[str, Burst] = {}
    for way in ways:
        bench.progress(f"{_many(count)}, {way.name}")
        with applied(around, way):
            seen[way.name] = _to_many(bench, around, count, way=way)
    return seen


def _many(count: int) -> str:
    return f"{count} pushes to {count} tasks"


def measure(bench: Bench) -> Iterator[Row]:
    """To many tasks in each way, then to one task."""
    around, count = bench.cluster(), QUICK if bench.quick else MANY
    around.github.add_repository(SCRIPT.repository)
    with installed(around.cluster, SCRIPT):
        seen = _by_way(bench, around, count, ways=WAYS)
        bench.progress(_many(FEW))
        few = _to_many(bench, around, FEW, way=SHIPPED)
    yield from _rows(seen, count=count, terminating_target=TERMINATING_TARGET)
    further = (seen[SHIPPED.name].terminating - few.terminating) / max(1, count - FEW)
    yield Row(what="each push beyond the first eight: agent terminating", unit="s", values=(further,), target=FURTHER_S)

    bench.progress(f"{count} pushes to one task")
    (stage,) = _staged(around, 1)
    wait_out_doubt(time.time())
    began = _deliver([(stage, stage.push(number)) for number in range(1, count + 1)])
    what = f"{count} pushes to one task"
    gone = _all([stage], lambda stage: not stage.pods(), what="its agent is gone") - began
    yield Row(what=f"{what}: its agent gone", unit="s", values=(gone,))
    stage.until(lambda: len(stage.workflows()) == count, what="all Workflows are there")
    stage.all_ended(deadline_s=_DEADLINE_S)
    yield Row(what=f"{what}: every Workflow ended", unit="s", values=(time.time() - began,))
    ran = float(len(executions(stage.workflows())))
    yield Row(what=f"{what}: executions", unit="calls", values=(ran,), target=EXECUTIONS_TARGET)


def measure_large(bench: Bench) -> Iterator[Row]:
    """To a hundred tasks, by a bare script and as shipped."""
    around, count = bench.cluster(), QUICK if bench.quick else LARGE
    around.github.add_repository(SCRIPT.repository)
    with installed(around.cluster, SCRIPT):
        seen = _by_way(bench, around, count, ways=(BARE, SHIPPED))
    yield from _rows(seen, count=count, terminating_target=LARGE_TERMINATING_TARGET)


def _rows(seen: Mapping[str, Burst], *, count: int, terminating_target: float) -> Iterator[Row]:
    """The rows of every way. The targets are ratios to the bare script, in seconds of this run."""
    script, many = seen[BARE.name], _many(count)
    for what, moment, most in (
        ("every agent terminating", "terminating", terminating_target * script.terminating),
        ("every agent's pod gone", "gone", GONE_TARGET * script.gone),
        ("every label moved", "labels", LABELS_TARGET * script.gone),
        ("every Workflow ended", "ended", None),
    ):
        base = Row(what=f"{many}, {what}: {BARE.name}", unit="s", values=(getattr(script, moment),))
        for name, burst in seen.items():
            if name == BARE.name:
                if moment != "labels":
                    yield base
                continue
            target = most if name == SHIPPED.name else None
            row = Row(what=f"{many}, {what}: {name}", unit="s", values=(getattr(burst, moment),), target=target)
            yield row.against(**{BARE.name: base})


ENTRY = Entry(
    name="burst",
    title="25 pushes at once",
    includes=(
        "Setup as above; each row is measured once. The pushes are sent one right after the other, to tasks with one "
        "live agent each. `bare script` is one pod for each push with 30 lines of Python that list and delete; it "
        "moves no labels, so those are compared with the end of its last pod. `10 at once` is the shipped setting: the "
        "semaphore lets ten Workflows run, and Argo's controller sends 20 requests a second. `no help` switches help "
        "off: each push waits for its own pod."
    ),
    measure=measure,
)
LARGE_ENTRY = Entry(
    name="large-burst",
    title="100 pushes at once",
    includes=(
        "As above, with the bare script and the shipped settings. The node takes 200 pods, agents among them. "
        "So the last pods of the bare script may wait for others to end."
    ),
    measure=measure_large,
)
