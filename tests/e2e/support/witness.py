"""What agents' pods say of themselves: a datagram when they start working, when they are told to stop, when they end.

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

# Runs in the pods. It does not exit at once, so that a test sees the difference between told and gone.
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
class Witness:
    """Who said what when."""

    host: str
    port: int = 0
    heard: dict[tuple[str, str], float] = field(default_factory=dict)

    def when(self, what: str, job: str) -> float | None:
        """When a Job's pod said something first."""
        return self.heard.get((what, job))


@contextmanager
def listening(host: str) -> Iterator[Witness]:
    """Listen until the context is left."""
    witness, stop = Witness(host=host), threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind((host, 0))
        channel.settimeout(0.2)
        witness.port = channel.getsockname()[1]

        def listen() -> None:
            while not stop.is_set():
                try:
                    what, _, job = channel.recv(1000).decode().partition(" ")
                except TimeoutError:
                    continue
                witness.heard.setdefault((what, job), time.time())

        thread = threading.Thread(target=listen, name="witness")
        thread.start()
        try:
            yield witness
        finally:
            stop.set()
            thread.join()
