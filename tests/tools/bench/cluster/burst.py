"""Entry `burst`: 25 pushes at once, to 25 tasks and to one."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines import names
from tests.doubles.platform.client import MERGE_PATCH
from tests.e2e.provision.argo import Options
from tests.e2e.provision.cluster import configure
from tests.e2e.support.pods import executions
from tests.tools.bench.measured import Entry, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.doubles.github.webhooks import Delivery
    from tests.e2e.support.stage import Stage
    from tests.e2e.support.surroundings import Surroundings
    from tests.tools.bench.bench import Bench

MANY, QUICK = 25, 8
# Design: all agents gone within 30 s; at most two executions for one task.
GONE_TARGET_S, EXECUTIONS_TARGET = 30.0, 2.0
_DEADLINE_S = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How many may run at once, and how much Argo may ask of the API server."""

    name: str
    concurrent: int = 10
    busy: bool = False


WAYS = (
    Way(name="10 at once"),
    Way(name="25 at once", concurrent=25),
    Way(name="10 at once, --qps 100", busy=True),
    Way(name="25 at once, --qps 100", concurrent=25, busy=True),
)


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


def _gone(stages: list[Stage]) -> float:
    for stage in stages:
        stage.until(lambda stage=stage: not stage.pods(), what="its agents are gone", deadline_s=_DEADLINE_S)  # type: ignore[misc]
    return time.time()


@contextmanager
def _as(around: Surroundings, way: Way) -> Iterator[None]:
    """Let Argo and the semaphore be like that, until the context is left."""
    path = f"/api/v1/namespaces/{around.cluster.settings.namespaces.workflows}/configmaps/{names.LIMITS}"
    before = around.client.ask("GET", path)["data"]

    def allow(data: dict[str, str]) -> None:
        around.client.ask("PATCH", path, {"data": data}, content_type=MERGE_PATCH)

    configure(around.cluster, Options(busy=way.busy))
    allow({names.LIMITS_KEY: str(way.concurrent)})
    try:
        yield
    finally:
        allow(before)
        configure(around.cluster, Options())


def _to_many(around: Surroundings, count: int) -> tuple[float, float]:
    """Pushes to as many tasks: seconds until every agent is gone, and until every Workflow has ended."""
    stages = _staged(around, count)
    began = _deliver([(stage, stage.push()) for stage in stages])
    gone = _gone(stages) - began
    for stage in stages:
        stage.all_ended(deadline_s=_DEADLINE_S)
    return gone, time.time() - began


def measure(bench: Bench) -> Iterator[Row]:
    """To many tasks, then to one."""
    around, count = bench.cluster(), QUICK if bench.quick else MANY
    many = f"{count} pushes to {count} tasks"
    first: Row | None = None
    for way in WAYS:
        bench.tell(f"{many}, {way.name}")
        with _as(around, way):
            gone, ended = _to_many(around, count)
        row = Row(what=f"{many}, every agent gone: {way.name}", unit="s", values=(gone,), target=GONE_TARGET_S)
        yield row if first is None else row.against(**{WAYS[0].name: first})
        first = first or row
        yield Row(what=f"{many}, every Workflow ended: {way.name}", unit="s", values=(ended,))

    bench.tell(f"{count} pushes to one task")
    (stage,) = _staged(around, 1)
    began = _deliver([(stage, stage.push(number)) for number in range(1, count + 1)])
    what = f"{count} pushes to one task"
    yield Row(what=f"{what}: its agent gone", unit="s", values=(_gone([stage]) - began,), target=GONE_TARGET_S)
    stage.until(lambda: len(stage.workflows()) == count, what="all Workflows are there")
    stage.all_ended(deadline_s=_DEADLINE_S)
    yield Row(what=f"{what}: every Workflow ended", unit="s", values=(time.time() - began,))
    ran = float(len(executions(stage.workflows())))
    yield Row(what=f"{what}: executions", unit="calls", values=(ran,), target=EXECUTIONS_TARGET)


ENTRY = Entry(
    name="burst",
    title="25 pushes at once",
    includes=(
        "Setup as above; each row is measured once. The pushes are sent one right after the other, to tasks with one "
        "live agent each. `10 at once` is the shipped setting: the semaphore lets ten Workflows run, and Argo's "
        "controller sends 20 requests a second. With 25 at once and `--qps 100`, the rest of the time is the start of "
        "25 pods on one node with two processors. Argo limits one task: it needs ten seconds to notice the end of a "
        "Workflow."
    ),
    measure=measure,
)
