"""Measure: `python -m tests.bench [--quick] [--only NAME]... [--json FILE|-] [--write [--date DATE]]`.

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
from pathlib import Path

from rich.console import Console

from tests.bench import calls, cold_start, latency, lock, reconcile, rendering
from tests.bench.bench import Bench, bench
from tests.bench.measured import BenchError, Entry, Result
from tests.bench.report import Machine, as_json, markdown, tables
from tests.bench.world import ROOT

ENTRIES = (cold_start.ENTRY, calls.ENTRY, latency.ENTRY, lock.ENTRY, reconcile.ENTRY, rendering.ENTRY)
WRITTEN = Path("docs/measurements.md")
PLAIN_WIDTH = 150


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure start-up, calls and time.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and sizes")
    names = [entry.name for entry in ENTRIES]
    parser.add_argument("--only", action="append", choices=names, help="measure only this; may be given several times")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON; - for standard output, no tables")
    parser.add_argument("--write", action="store_true", help=f"write {WRITTEN}")
    parser.add_argument("--date", default="", help="date to write into it; left out by default")
    given = parser.parse_args(arguments)
    if given.write and given.only:
        parser.error(f"{WRITTEN} holds every entry: --write goes without --only")
    return given


def measured(entry: Entry, run: Bench) -> Result:
    """Measure one entry."""
    began = time.monotonic()
    run.tell(entry.title)
    rows = tuple(entry.measure(run))
    return Result(entry=entry, rows=rows, seconds=time.monotonic() - began)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Measure, show, write."""
    given = options(arguments)
    waiting, load = Console(stderr=True), os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="agent-cancellation-bench-") as folder,
        waiting.status("") as status,
        bench(Path(folder), quick=given.quick, tell=lambda text: status.update(f"{text} ...")) as run,
    ):
        wanted = [entry for entry in ENTRIES if not given.only or entry.name in given.only]
        try:
            results = [measured(entry, run) for entry in wanted]
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
        words = ["--write", *(["--quick"] if given.quick else []), *(["--date", given.date] if given.date else [])]
        command = f"make bench BENCH={shlex.quote(' '.join(words))}"
        (ROOT / WRITTEN).write_text(markdown(results, machine=machine, command=command, date=given.date))
    if given.json != "-":
        console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
        for table in tables(results):
            console.print(table, "")
    return 0


if __name__ == "__main__":
    # As Ctrl-C: every server that was started is ended on the way out.
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
