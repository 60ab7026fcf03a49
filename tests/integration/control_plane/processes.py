"""Server processes of a control plane: started in sessions of their own, watched while they start, ended for sure.

Guarantees: a process that dies or is not ready in time is reported with the end of its log.
Not guaranteed: that a process outlives the thread which started it; start it from one that lasts.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from tests.integration.control_plane.commands import LOOPBACK

START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 10.0


class StartError(Exception):
    """A server did not become ready; the message ends with its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A running server."""

    name: str
    running: "subprocess.Popen[bytes]"
    log: Path

    def tail(self) -> str:
        """Return the end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-25:]
        return "\n".join([f"--- {self.name}, exit code {self.running.poll()}", *lines])


@contextmanager
def process(name: str, command: list[str], *, log: Path) -> Iterator[Process]:
    """Run a server in a session of its own, and end it."""
    # A killed test run must not leave servers behind: the kernel ends them when their parent is gone.
    guard = [tool, "--pdeathsig", "KILL"] if (tool := shutil.which("setpriv")) else []
    with log.open("wb") as output:
        running = subprocess.Popen(
            [*guard, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield Process(name=name, running=running, log=log)
    finally:
        running.terminate()
        try:
            running.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def wait(ready: Callable[[], bool], *, processes: list[Process]) -> None:
    """Poll until something is ready, or raise an error that says why it is not."""
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline and all(each.running.poll() is None for each in processes):
        try:
            if ready():
                return
        except urllib3.exceptions.HTTPError:
            pass  # no server listens yet
        time.sleep(0.05)
    raise StartError("\n".join(["the control plane did not become ready", *(each.tail() for each in processes)]))


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
