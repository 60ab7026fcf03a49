"""What agents' pods report: a datagram when they start working, when they get SIGTERM, and when they end.

Guarantees: moments are this process's own clock, so they compare with everything else a test measures.
Not guaranteed: that a datagram arrives; but none leaves this machine.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# Runs in the pods. It does not exit at once, so that a test can see SIGTERM and the end as two moments.
AGENT = """
import os, signal, socket, sys, time
name, host, port, after, lasting = sys.argv[1], sys.argv[2], int(sys.argv[3]), *map(float, sys.argv[4:])
channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def say(what):
    channel.sendto(f"{what} {name}".encode(), (host, port))
def stop(*_):
    say("SIGTERM")
    time.sleep(after)
    say("exit")
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
say("working")
time.sleep(lasting)
say("done")
"""


@dataclass(slots=True, kw_only=True)
class AgentReports:
    """The first moment of each report, by what it says and by Job."""

    host: str
    port: int = 0
    heard: dict[tuple[str, str], float] = field(default_factory=dict)

    def when(self, what: str, job: str) -> float | None:
        """When a Job's pod said something first."""
        return self.heard.get((what, job))


@contextmanager
def listening(host: str) -> Iterator[AgentReports]:
    """Listen until the context is left."""
    agent_reports, stop = AgentReports(host=host), threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind((host, 0))
        channel.settimeout(0.2)
        agent_reports.port = channel.getsockname()[1]

        def listen() -> None:
            while not stop.is_set():
                try:
                    what, _, job = channel.recv(1000).decode().partition(" ")
                except TimeoutError:
                    continue
                agent_reports.heard.setdefault((what, job), time.time())

        thread = threading.Thread(target=listen, name="agent-reports")
        thread.start()
        try:
            yield agent_reports
        finally:
            stop.set()
            thread.join()
