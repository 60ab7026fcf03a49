"""Measure start-up, calls and time.

    python -m tests.tools.bench [--cluster] [--quick] [--only NAME]... [--json FILE|-] [--write [--date DATE]]

Exits with 0 whether or not targets are met: a machine may be slow. Only a program that fails ends the run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.tools.bench import calls, cold_start, image, latency, lock, reconcile, rendering
from tests.tools.bench.bench import Bench, bench
from tests.tools.bench.cluster import burst, chain
from tests.tools.bench.cluster.burst_timeline import Wait, burst_headline, burst_picture
from tests.tools.bench.cluster.timeline import headline, picture
from tests.tools.bench.measured import BenchError, Entry, Result
from tests.tools.bench.report import Machine, as_json, markdown, tables
from tests.tools.bench.world import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What is measured on one platform, and where that is written."""

    entries: tuple[Entry, ...]
    document: Path
    words: tuple[str, ...] = ()


HERE = Series(
    entries=(cold_start.ENTRY, image.ENTRY, calls.ENTRY, latency.ENTRY, lock.ENTRY, reconcile.ENTRY, rendering.ENTRY),
    document=Path("docs/measurements.md"),
)
CLUSTER = Series(
    entries=(chain.ENTRY, burst.ENTRY, burst.LARGE_ENTRY),
    document=Path("docs/measurements-cluster.md"),
    words=("--cluster",),
)
PICTURE, BURST_PICTURE = Path("docs/timeline.svg"), Path("docs/burst.svg")
PLAIN_WIDTH = 150


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.tools.bench", description="Measure start-up, calls and time."
    )
    parser.add_argument("--cluster", action="store_true", help="measure the whole chain in a real cluster (as root)")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and sizes")
    names = [entry.name for series in (HERE, CLUSTER) for entry in series.entries]
    parser.add_argument("--only", action="append", choices=names, help="measure only this; may be given several times")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON; - for standard output, no tables")
    parser.add_argument("--write", action="store_true", help=f"write {HERE.document}, or {CLUSTER.document}")
    parser.add_argument("--date", default="", help="date to write into it; left out by default")
    given = parser.parse_args(arguments)
    given.series = CLUSTER if given.cluster else HERE
    if given.write and given.only:
        parser.error(f"{given.series.document} holds every entry: --write goes without --only")
    given.entries = [entry for entry in given.series.entries if not given.only or entry.name in given.only]
    if not given.entries:
        parser.error(f"{', '.join(given.only)}: measured only {'without' if given.cluster else 'with'} --cluster")
    return given


def measured(entry: Entry, run: Bench) -> Result:
    """Measure one entry."""
    began = time.monotonic()
    run.progress(entry.title)
    rows = tuple(entry.measure(run))
    return Result(entry=entry, rows=rows, seconds=time.monotonic() - began)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _write(
    given: argparse.Namespace,
    results: list[Result],
    *,
    machine: Machine,
    pushes: list[dict[str, float]],
    bursts: list[list[Wait]],
) -> None:
    """Write the document; and the pictures, if there is anything to show."""
    options_ = {"--quick": given.quick, f"--date {given.date}": given.date}
    words = [*given.series.words, "--write", *(word for word, wanted in options_.items() if wanted)]
    command = f"make bench BENCH={shlex.quote(' '.join(words))}"
    text = markdown(results, machine=machine, command=command, date=given.date)
    if pushes:
        (ROOT / PICTURE).write_text(picture(pushes))
        text = text.replace("\n## ", f"\n![{headline(pushes)}]({PICTURE.name})\n\n## ", 1)
    if bursts:
        (ROOT / BURST_PICTURE).write_text(burst_picture(bursts[0]))
        heading = f"## {burst.ENTRY.title}\n"
        text = text.replace(heading, f"{heading}\n![{burst_headline(bursts[0])}]({BURST_PICTURE.name})\n", 1)
    (ROOT / given.series.document).write_text(text)


def main(arguments: list[str] | None = None) -> int:
    """Measure, show, write."""
    given = options(arguments)
    waiting, load = Console(stderr=True), os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="agent-cancellation-bench-") as folder,
        waiting.status("") as status,
        bench(Path(folder), quick=given.quick, progress=lambda text: status.update(f"{text} ...")) as run,
    ):
        try:
            results = [measured(entry, run) for entry in given.entries]
        except BenchError as error:
            print(error, file=sys.stderr)
            return 1
        machine = Machine(
            python=platform.python_version(),
            api_server=run.api_server,
            cores=len(os.sched_getaffinity(0)),
            load=round(load, 1),
        )
    if given.json:
        text = json.dumps(as_json(results, machine=machine, quick=given.quick), indent=1) + "\n"
        if given.json == "-":
            print(text, end="")
        else:
            Path(given.json).write_text(text)
    if given.write:
        _write(given, results, machine=machine, pushes=run.pushes, bursts=run.bursts)
    if given.json != "-":
        console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
        for table in tables(results):
            console.print(table, "")
    return 0


if __name__ == "__main__":
    # As Ctrl-C: every server that was started is ended on the way out.
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
