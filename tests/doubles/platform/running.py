"""Running controllers beside a test, or step by step.

Guarantees: controllers run one after another in one thread, so their order within a round is fixed; a failure of a
controller ends the test that ran it; the thread is gone when the context is left.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Steps(Protocol):
    """Something that works in steps."""

    def step(self) -> None:
        """Do what is due now."""


def settle(*controllers: Steps, rounds: int = 8) -> None:
    """Let controllers work in turn for a fixed number of rounds."""
    for _ in range(rounds):
        for each in controllers:
            each.step()


@contextmanager
def running(*controllers: Steps, every_s: float = 0.05) -> Iterator[None]:
    """Let controllers work in turn in the background until the context is left."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.wait(every_s):
                for each in controllers:
                    each.step()
        except BaseException as failure:  # noqa: BLE001 - raised again in the test's own thread
            failures.append(failure)

    thread = threading.Thread(target=work, name="platform", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=20)
    if failures:
        raise failures[0]
