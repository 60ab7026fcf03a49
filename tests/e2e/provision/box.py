"""The cluster's own namespaces, seen from outside: a process 1 that everything of the cluster is a descendant of.

Guarantees: killing process 1 ends every process of the cluster and takes back its mounts, network devices and packet
filter rules; it is found by what it runs as, so no stale process id can mislead; cgroups are named after the project.
Not guaranteed: safety from somebody with root; this is for leaving nothing behind, not for keeping anybody out.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.provision.init import PRIVATE, SOCKET

ROOT = Path(__file__).parents[3]
CGROUP = "agent-cancellation-tests"
_CGROUPS = Path("/sys/fs/cgroup")
_MODULE = "tests.e2e.provision.init"
_DEADLINE_S = 30.0


class BoxError(Exception):
    """The namespaces could not be made or removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One set of namespaces, by its process 1."""

    folder: Path
    pid: int

    def start(self, name: str, command: list[str], *, environment: Mapping[str, str] | None = None) -> None:
        """Start a server; its output goes to `<folder>/<name>.log`."""
        self._ask({"start": name, "command": command, "environment": dict(environment or {})})

    def kill(self, name: str) -> None:
        """Kill a server as a crash would, and wait until it has ended.

        Raises:
            BoxError: It does not end.
        """
        self._ask({"kill": name})
        deadline = time.monotonic() + _DEADLINE_S
        while name in self.running():
            if time.monotonic() > deadline:
                raise BoxError(f"{name} does not end")
            time.sleep(0.05)

    def start_again(self, name: str) -> None:
        """Start a server that has ended by the command it was started with."""
        self._ask({"again": name})

    def running(self) -> list[str]:
        """Names of the servers that run."""
        return list(self._ask({})["running"])

    def ended(self) -> dict[str, int]:
        """Servers that have ended by themselves, with their exit codes."""
        return dict(self._ask({})["ended"])

    def run(self, *command: str, namespaces: str = "--all") -> str:
        """Run a command inside to its end; its output.

        Raises:
            BoxError: It failed.
        """
        inside = ["nsenter", f"--target={self.pid}", namespaces, *command]
        done = subprocess.run(inside, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BoxError(f"{' '.join(command)} failed: {(done.stderr or done.stdout)[-2000:]}")
        return done.stdout

    def tail(self, name: str) -> str:
        """The end of a server's log."""
        log = self.folder / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log.exists() else ""

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_DEADLINE_S)
            connection.connect(str(self.folder / SOCKET))
            with connection.makefile("rwb") as stream:
                stream.write(json.dumps(request).encode() + b"\n")
                stream.flush()
                answer: dict[str, Any] = json.loads(stream.readline())
                return answer


def find(folder: Path) -> Box | None:
    """Find the process 1 that serves a folder."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            arguments = (entry / "cmdline").read_bytes().split(b"\0")[:-1]
            if arguments[-2:] == [_MODULE.encode(), os.fsencode(folder)] and _is_first(entry):
                return Box(folder=folder, pid=int(entry.name))
    return None


def _is_first(process: Path) -> bool:
    """Whether a process is the first one of a process namespace below this one."""
    for line in (process / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "NSpid":
            numbers = value.split()
            return len(numbers) > 1 and numbers[-1] == "1"
    return False


def open_box(folder: Path) -> Box:
    """Make the namespaces.

    Raises:
        BoxError: They are not there in time; the message has the reason.
    """
    made = [place for place in PRIVATE if not Path(place).exists()]
    for place in made:
        Path(place).mkdir(parents=True)
    (folder / "made.json").write_text(json.dumps(made))
    for controller in _controllers():
        (controller / CGROUP).mkdir(exist_ok=True)
    separate = ["--pid", "--mount-proc", "--mount", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
    log = folder / "init.log"
    command = ["unshare", *separate, sys.executable, "-m", _MODULE, str(folder)]
    # Not a subprocess object: it outlives this process, and find() and close() are its handles.
    os.posix_spawnp(
        command[0],
        command,
        {**os.environ, "PYTHONPATH": str(ROOT)},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        if (box := find(folder)) and (folder / SOCKET).exists():
            return box
        time.sleep(0.05)
    raise BoxError(f"the cluster's namespaces did not come up: {log.read_text()[-2000:]}")


def close(folder: Path) -> None:
    """End everything and take everything back, whatever state an earlier run has left it in.

    Raises:
        BoxError: Something would not go.
    """
    deadline = time.monotonic() + _DEADLINE_S
    while box := find(folder):
        with suppress(ProcessLookupError):
            os.kill(box.pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise BoxError(f"process {box.pid} does not end")
        time.sleep(0.1)
    for controller in _controllers():
        _remove_cgroups(controller / CGROUP, deadline=deadline)
    record = folder / "made.json"
    for place in reversed(json.loads(record.read_text()) if record.exists() else []):
        with suppress(OSError):  # it has become somebody else's
            Path(place).rmdir()


def _controllers() -> Iterator[Path]:
    """The roots of the cgroup hierarchies: several in version 1, one in version 2."""
    if (_CGROUPS / "cgroup.controllers").exists():
        yield _CGROUPS
        return
    for entry in sorted(_CGROUPS.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            yield entry


def _remove_cgroups(top: Path, *, deadline: float) -> None:
    while top.exists():
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):  # busy until the kernel has buried the last process
                Path(folder).rmdir()
        if time.monotonic() > deadline:
            raise BoxError(f"{top} cannot be removed: something still runs in it")
        time.sleep(0.05)
