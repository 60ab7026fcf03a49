"""Entry `start`: what a container costs before and besides waiting: time, processor time and memory of each process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.doubles.argo_workflows import Argo, Json, Process
from tests.tools.bench.child import Ended, launch, python
from tests.tools.bench.measured import BenchError, Entry, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tools.bench.bench import Bench
    from tests.tools.bench.world import World

ROUNDS = 7
BARE, BOTH = "python -c pass", "import steps.cancel, steps.github.client"
LIBRARIES = "import urllib3", "import pydantic", "import github"
# Design: with both clients, and without GitHub's. Seconds and mebibytes.
WITH_GITHUB, WITHOUT_GITHUB, UNPROMISED = (0.9, 65.0), (0.6, 50.0), (None, None)
STEPS = "cancel"
TARGETS: dict[str, tuple[float | None, float | None]] = {
    BARE: UNPROMISED,
    **dict.fromkeys(LIBRARIES, UNPROMISED),
    "import steps.cancel": WITHOUT_GITHUB,
    BOTH: WITH_GITHUB,
    "cancel, superseded": WITHOUT_GITHUB,
    "cancel, nothing stale": WITH_GITHUB,
    "cancel as a GitHub App": WITH_GITHUB,
}


@dataclass(slots=True, kw_only=True)
class MeasuringArgo(Argo):
    """Argo whose containers are measured."""

    ended: list[Ended] = field(default_factory=list)

    def _run(self, container: Json, *, workflow: Json, pod: object) -> Process:
        command, environment = self._prepared(container, workflow=workflow, pod=pod)  # type: ignore[arg-type]
        ended = launch(command, environment=environment)
        if ended.exit_code:
            raise BenchError(f"{container['name']} ended with {ended.exit_code}:\n{ended.output}")
        self.ended.append(ended)
        return Process(container=container["name"], exit_code=0, output=ended.output, seconds=ended.seconds)


def _round(world: World) -> dict[str, Ended]:
    """Every process once."""
    ended = {BARE: python("-c", "pass")}
    for statement in (*LIBRARIES, "import steps.cancel", BOTH):
        ended[statement] = python("-c", statement)
    for credentials, labels in (
        ("token", ("cancel, nothing stale", "cancel, superseded")),
        ("app", ("cancel as a GitHub App",)),
    ):
        argo = world.argo(credentials=credentials, kind=MeasuringArgo)
        if not isinstance(argo, MeasuringArgo):
            raise TypeError("not the kind that was asked for")
        workflow = world.task().workflow()
        argo.attempt(workflow)
        if "cancel, superseded" in labels:
            argo.attempt(workflow)  # the push is finished now
        ended |= dict(zip(labels, argo.ended, strict=False))
    return ended


def measure(bench: Bench) -> Iterator[Row]:
    """Interleave every process, after one round that fills the caches."""
    world = bench.doubles()
    _round(world)
    rounds = []
    for number in range(total := bench.rounds(ROUNDS)):
        bench.progress(f"starting each process, round {number + 1} of {total}")
        rounds.append(_round(world))
    yield from _rows(rounds)
    yield from _throttled(rounds, cpu=world.settings.workflow.limits.cpu)


def _rows(rounds: list[dict[str, Ended]]) -> Iterator[Row]:
    for unit in ("s", "s of processor", "MiB"):
        bare: Row | None = None
        for what, (seconds, memory) in TARGETS.items():
            ended = [each[what] for each in rounds]
            values, target = {
                "s": ([each.seconds for each in ended], seconds),
                "s of processor": ([each.processor_s for each in ended], None),
                "MiB": ([each.peak_mib for each in ended], memory),
            }[unit]
            row = Row(what=what, unit=unit, values=tuple(values), target=target)
            bare = bare or row
            yield row if row is bare else row.against(bare=bare)


def _throttled(rounds: list[dict[str, Ended]], *, cpu: str) -> Iterator[Row]:
    """What the processor limit of the rendered containers makes of it, at least."""
    processors = float(cpu.removesuffix("m")) / (1000 if cpu.endswith("m") else 1)
    for what, (seconds, _) in TARGETS.items():
        if what.startswith(STEPS):
            values = tuple(max(each[what].seconds, each[what].processor_s / processors) for each in rounds)
            yield Row(what=f"{what}, at cpu: {cpu} at least", unit="s", values=values, target=seconds)


ENTRY = Entry(
    name="start",
    title="Start and peak memory of a process",
    includes=(
        "Each time is from the start of the process to its end, against the doubles on the loopback interface. The "
        "steps connect to the API server as in a pod, over TLS. These scenes include no waits. Peak memory is the "
        "largest resident set (1 MiB = 2^20 bytes). `at least` is the time in a container with a CPU limit "
        "(settings.toml, `workflow.limits`): processor time divided by the limit, computed and not measured."
    ),
    measure=measure,
)
