"""A program run in a process of its own: how long it took, how much processor time and memory.

Guarantees: memory is the peak of that program alone. Linux counts what a process was before it became the program (a
copy of its parent) into that peak, so the parent is a tiny interpreter without modules: 8.7 MiB, a bare interpreter's.
Files are in the page cache and bytecode is compiled after the first run, as in the image.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.tools.bench.measured import BenchError
from tests.tools.bench.world import ROOT

LIMIT_S = 120
# Isolated and without `site`: what it holds in memory is the least that can be measured.
_LAUNCHER = """
import os, sys, time
out = int(sys.argv[1])
os.set_inheritable(out, False)
began = time.monotonic()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
took = time.monotonic() - began
os.write(out, b"%d %f %f %d" % (os.waitstatus_to_exitcode(status), took, used.ru_utime + used.ru_stime, used.ru_maxrss))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A program that ran."""

    exit_code: int
    seconds: float
    processor_s: float
    peak_mib: float
    output: str


def launch(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a program, by its path, to its end."""
    reading, writing = os.pipe()
    try:
        ran = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(writing), *command],
            env=os.environ if environment is None else environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[writing],
            cwd=ROOT,
            timeout=LIMIT_S,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            numbers = pipe.read().split()
    if not numbers:
        raise BenchError(f"{' '.join(command)} could not be started: {ran.stdout}")
    return Ended(
        exit_code=int(numbers[0]),
        seconds=float(numbers[1]),
        processor_s=float(numbers[2]),
        peak_mib=int(numbers[3]) / 1024,
        output=ran.stdout,
    )


def python(*arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
    """Run this interpreter, which has to succeed."""
    ended = launch([sys.executable, *arguments], environment=environment)
    if ended.exit_code:
        raise BenchError(f"python {' '.join(arguments)} ended with {ended.exit_code}:\n{ended.output}")
    return ended
