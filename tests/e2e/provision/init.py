"""Process 1 of the cluster's own namespaces: starts the requested servers, and reaps every process that ends.

Guarantees: when it ends, the kernel ends every process of the cluster, pods' included, and takes back their mounts,
network devices and packet filter rules; so nothing can be left of them, not even after a crash.
Not guaranteed: restarts by itself; a server that ended stays ended until it is asked for, and `Box.ended` says so.
Only the standard library: it runs as long as the cluster does.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

# What containerd, the kubelet and network plugins write to fixed places; here these are empty folders of their own.
PRIVATE = ("/run", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers")
SOCKET = "init.sock"


def isolate() -> None:
    """Give the fixed places a file system of their own."""
    # The kubelet's mounts have to reach containers, so they propagate; but only within this namespace.
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    for place in PRIVATE:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "agent-cancellation", place], check=True)


def start(command: list[str], *, log: Path, environment: dict[str, str]) -> int:
    """Start a server in a session of its own; its process id, as seen from here."""
    opening = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), opening, (os.POSIX_SPAWN_DUP2, 1, 2)]
    return os.posix_spawnp(command[0], command, {**os.environ, **environment}, file_actions=actions, setsid=True)


class Servers:
    """What was started, and how it ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[int, str] = {}
        self._started: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, int] = {}

    def reap(self) -> None:
        """Take note of every process that has ended, a child or an orphan."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if name := self._names.pop(pid, ""):
                self._ended[name] = os.waitstatus_to_exitcode(status)

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start, kill or start again a server if asked to; list what runs and what has ended."""
        if name := request.get("start") or request.get("again"):
            known = self._started.setdefault(name, request)
            self._ended.pop(name, None)
            log = self._folder / f"{name}.log"
            pid = start(known["command"], log=log, environment=known.get("environment", {}))
            self._names[pid] = name
        for pid, name in self._names.items():
            if name == request.get("kill"):
                # Without a chance to tidy up: what a crash leaves is what tests are about.
                os.kill(pid, signal.SIGKILL)
        return {"running": sorted(self._names.values()), "ended": self._ended}


def main() -> None:
    """Serve requests, one line of JSON each, until killed."""
    folder = Path(sys.argv[1])
    isolate()
    servers = Servers(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / SOCKET))
        listening.listen()
        listening.settimeout(0.2)
        while True:
            servers.reap()
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            with connection, connection.makefile("rwb") as stream:
                stream.write(json.dumps(servers.handle(json.loads(stream.readline()))).encode() + b"\n")


if __name__ == "__main__":
    main()
