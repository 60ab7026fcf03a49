"""Entry `chain`: from the webhook to the agents' SIGTERM, the pods' end, the labels and the free mutex.

Beside it, in turns and through the same EventSource: one pod with a bare script, and four pods in a row.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.doubles.platform.controller import job_name
from tests.e2e.support.moments import next_second
from tests.e2e.support.pods import step_pods
from tests.e2e.support.task import REPOSITORY
from tests.tools.bench.cluster.memory import sampling
from tests.tools.bench.cluster.timeline import said
from tests.tools.bench.cluster.ways import DAG, SCRIPT, Way, installed
from tests.tools.bench.measured import Entry, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support.surroundings import Surroundings
    from tests.tools.bench.bench import Bench

CANCEL = Way(name="cancel", repository=REPOSITORY, pods=("cancel",))
# A four-pod round takes half a minute: a quarter as many are enough.
ROUNDS, EVERY_DAG = 8, 4
# Design: stale pods terminate at most this much later than with the bare script; a whole push within 12 s.
LATER_TARGET_S, WHOLE_TARGET_S = 1.0, 12.0
LABELS = {CANCEL.name: "agent-cancellation", SCRIPT.name: "bare script", DAG.name: "four pods"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """One push that was answered.

    Attributes:
        moments: Seconds since the webhook, by name; `labels` only where there are any to move.
    """

    pod: dict[str, Any]
    moments: dict[str, float]


def _push(around: Surroundings, way: Way) -> Pushed:
    """One push to a new task, answered this way."""
    stage = around.stage()
    job = job_name(stage.agent())
    next_second()
    delivery = stage.push(repository=way.repository)
    began = time.time()
    assert stage.deliver(delivery) == 200
    seen = {"workflow": stage.until(lambda: stage.workflow(delivery) is not None, what="a workflow")}
    seen["deleting"] = stage.until(stage.deleting, what="the run is being deleted")
    seen["gone"] = stage.until(lambda: not stage.pods(), what="its pod is gone")
    if way is CANCEL:
        seen["labels"] = stage.until(lambda: stage.labels() == {"remediation-in-progress"}, what="labels")
    workflow = stage.finished(delivery)
    seen["finished"] = time.time()
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"].get("message")
    seen["SIGTERM"] = stage.agent_reports.when("SIGTERM", job) or 0.0
    since = {moment: at - began for moment, at in seen.items()}
    pod = step_pods(stage, workflow["metadata"]["name"])[0]
    moments = since | (said(stage, pod, began=began) if way is CANCEL else {})
    return Pushed(pod=pod, moments=moments)


def measure(bench: Bench) -> Iterator[Row]:
    """Every way in turns."""
    around = bench.cluster()
    for way in (SCRIPT, DAG):
        around.github.add_repository(way.repository)
    taken: dict[str, list[Pushed]] = defaultdict(list)
    memory: dict[str, list[float]] = defaultdict(list)
    with installed(around.cluster, SCRIPT, DAG), sampling() as peaks:
        for way in (CANCEL, SCRIPT, DAG):  # fills caches, and waits for the Sensors
            bench.progress(f"{LABELS[way.name]}, once for the caches")
            _push(around, way)
        for number in range(total := bench.rounds(ROUNDS)):
            for way in (CANCEL, SCRIPT, *([DAG] if number % EVERY_DAG == 0 else [])):
                bench.progress(f"{LABELS[way.name]}, round {number + 1} of {total}")
                one = _push(around, way)
                taken[way.name].append(one)
                if way is CANCEL:
                    bench.pushes.append(one.moments)
                    for container, mib in peaks.of(one.pod).items():
                        memory[container].append(mib)
    yield from _rows(taken)
    for container, values in memory.items():
        yield Row(what=f"memory of container {container}, at most", unit="MiB", values=tuple(values))


def _rows(taken: dict[str, list[Pushed]]) -> Iterator[Row]:
    def row(what: str, way: Way, moment: str, target: float | None = None) -> Row:
        values = tuple(one.moments[moment] for one in taken[way.name])
        return Row(what=f"{what}: {LABELS[way.name]}", unit="s", values=values, target=target)

    for what, moment, target in (
        ("Workflow created", "workflow", None),
        ("run being deleted", "deleting", None),
        ("agent has got SIGTERM", "SIGTERM", None),
        ("its pod gone", "gone", None),
        ("Workflow finished", "finished", WHOLE_TARGET_S),
    ):
        others = {LABELS[way.name]: row(what, way, moment) for way in (SCRIPT, DAG)}
        yield row(what, CANCEL, moment, target).against(**others)
        yield from others.values()
    yield row("labels moved", CANCEL, "labels")
    pairs = zip(taken[CANCEL.name], taken[SCRIPT.name], strict=True)
    later = tuple(cancel.moments["deleting"] - script.moments["deleting"] for cancel, script in pairs)
    yield Row(what="run being deleted later than by the bare script", unit="s", values=later, target=LATER_TARGET_S)


ENTRY = Entry(
    name="chain",
    title="From the webhook to the free mutex, one stale run",
    includes=(
        "Real EventSource, NATS JetStream, Sensor, Argo Workflows with its default timings and templateReferencing "
        "Secure, kubelet and containerd, all on this one machine. Times are seconds after the EventSource accepted "
        "the webhook, from polls every 50 ms. The agent itself reports SIGTERM, and ends on it at once. `bare script` "
        "is one pod with 30 lines of Python that list and delete. `four pods` is a DAG with that script in one pod "
        "and nothing in the others. Both have no lock, proof, label or record. Memory is the kernel's peak for the "
        "container's cgroup, including page cache."
    ),
    measure=measure,
)
