"""Entry `push`: from the start of the container to the first DELETE, to the agents' end, and to the labels.

Beside it, in turns: a shell script of kubectl and curl, and 30 lines of Python that only list and delete.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.doubles.platform.client import Client
from tests.tools.bench.measured import BenchError, Entry, Row
from tests.tools.bench.observer import watching
from tests.tools.bench.world import ROOT, TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.tools.bench.bench import Bench
    from tests.tools.bench.world import Task, World

ROUNDS = {1: 5, 5: 3, 20: 3}
HERE = Path(__file__).parent
LIMIT_S = 90
# Design: stale pods terminate at most this much later than with the bare script.
LATER_TARGET_S = 1.0
CANCEL, SHELL, SCRIPT = "cancel", "kubectl and curl", "naive.py"


@dataclass(slots=True, kw_only=True)
class Stopwatch:
    """The monotonic clock, remembering when it was read."""

    readings: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        """Read the clock."""
        self.readings.append(time.monotonic())
        return self.readings[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Seconds from the start of the first process."""

    first_delete: float
    agents_gone: float
    first_ended: float
    ended: float


def _cancel(task: Task, stopwatch: Stopwatch) -> None:
    process = task.world.argo(monotonic=stopwatch).attempt(task.workflow())
    if process.exit_code:
        raise BenchError(f"cancel ended with {process.exit_code}:\n{process.output}")


def _run(command: Sequence[str], environment: Mapping[str, str], *, stopwatch: Stopwatch) -> None:
    # Without a cache of the API server's kinds, as in a pod that has just started.
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ["PATH"], "HOME": home, **environment}
        stopwatch()
        ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=ROOT)
        stopwatch()
    if ran.returncode:
        raise BenchError(f"{command[-1]} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")


def _shell(task: Task, stopwatch: Stopwatch) -> None:
    environment = {
        "KUBECONFIG": str(task.world.administrator),
        "NAMESPACE": task.world.settings.namespaces.agents[0],
        "TASK": str(task.number),
        "GITHUB": task.world.github_url,
        "REPOSITORY": task.repository,
        "TOKEN": TOKEN,
    }
    _run(["/bin/sh", str(HERE / "naive.sh")], environment, stopwatch=stopwatch)


def _script(task: Task, stopwatch: Stopwatch) -> None:
    config = json.loads(task.world.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    host, _, port = cluster["server"].removeprefix("https://").partition(":")
    with tempfile.TemporaryDirectory() as folder:
        token, authority = Path(folder) / "token", Path(folder) / "ca.crt"
        token.write_text(config["users"][0]["user"]["token"])
        authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        environment = {
            "HOST": host,
            "PORT": port,
            "NAMESPACE": task.world.settings.namespaces.agents[0],
            "TASK": str(task.number),
            "TOKEN_FILE": str(token),
            "CA_FILE": str(authority),
        }
        _run([sys.executable, str(HERE / "naive.py")], environment, stopwatch=stopwatch)


WAYS: dict[str, Callable[[Task, Stopwatch], None]] = {CANCEL: _cancel, SHELL: _shell, SCRIPT: _script}


def _taken(world: World, *, way: str, count: int) -> Taken:
    """Let one way stop the agents of a new task."""
    task, stopwatch = world.task(), Stopwatch()
    task.start_agents(count)
    client = Client.from_kubeconfig(world.administrator, user_agent="bench")
    with watching(task, client=client) as seen:
        WAYS[way](task, stopwatch)
        seen.wait()
    client.close()
    if len(seen.terminating) != count or len(seen.gone) != 2 * count:
        raise BenchError(
            f"{way}: {len(seen.terminating)} of {count} runs began to terminate, {len(seen.gone)} objects went"
        )
    if way != SCRIPT and "ready-for-qa" in world.github.labels(1, repository=task.repository):
        raise BenchError(f"{way} did not move the labels")
    began = stopwatch.readings[0]
    return Taken(
        first_delete=seen.first_terminating - began,
        agents_gone=seen.last_gone - began,
        first_ended=stopwatch.readings[1] - began,
        ended=stopwatch.readings[-1] - began,
    )


def measure(bench: Bench) -> Iterator[Row]:
    """Every way in turns, for each number of stale runs."""
    world = bench.control_plane()
    _taken(world, way=CANCEL, count=1)  # fills caches: page cache, bytecode, the API server's own
    for count, usual in ROUNDS.items():
        if bench.quick and count > min(ROUNDS):
            continue
        taken: dict[str, list[Taken]] = defaultdict(list)
        for number in range(total := bench.rounds(usual)):
            for way in WAYS:
                bench.progress(f"{way}, n = {count}, round {number + 1} of {total}")
                taken[way].append(_taken(world, way=way, count=count))
        yield from _rows(taken, count=count)


def _rows(taken: dict[str, list[Taken]], *, count: int) -> Iterator[Row]:
    def row(what: str, way: str, quantity: Callable[[Taken], float]) -> Row:
        return Row(what=f"n = {count}, {what}: {way}", unit="s", values=tuple(map(quantity, taken[way])))

    for what, quantity, others in (
        ("first DELETE", lambda one: one.first_delete, (SHELL, SCRIPT)),
        ("agents gone", lambda one: one.agents_gone, (SHELL, SCRIPT)),
        ("labels moved, ended", lambda one: one.ended, (SHELL,)),
    ):
        rows = {way: row(what, way, quantity) for way in others}
        yield row(what, CANCEL, quantity).against(**rows)
        yield from rows.values()
    yield row("from agents gone to the end of cancel", CANCEL, lambda one: one.first_ended - one.agents_gone)
    later = tuple(
        cancel.first_delete - naive.first_delete for cancel, naive in zip(taken[CANCEL], taken[SCRIPT], strict=True)
    )
    what = f"n = {count}, first DELETE later than by {SCRIPT}"
    yield Row(what=what, unit="s", values=later, target=LATER_TARGET_S)


ENTRY = Entry(
    name="push",
    title="From the container's start to the labels, n stale runs",
    includes=(
        "Against a real kube-apiserver with etcd (without fsync) and the real Job and garbage collectors. Agents end "
        "on SIGTERM at once; GitHub is a double. Each time is from the start of the first process: `first DELETE` "
        "until a watch saw the first run with a deletionTimestamp, `agents gone` until it saw every run and pod "
        "deleted, `ended` until the last process ended. Argo is not included. "
        "The two scripts have no lock, guard, proof or record. `naive.py` does not use "
        "GitHub, and kubectl waits for the runs but not for their pods."
    ),
    measure=measure,
)
