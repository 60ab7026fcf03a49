"""What a pod does: its own push, and help for the pushes of other tasks in rounds, as `steps/help/helper.py` does.

Guarantees that all DELETEs of a round are sent before any of its pods is waited for, that a pod helps as many pushes as
it may, and that the pod ends when its own push and its help are done.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.tools.model.pods import Pods
from tests.tools.model.push import Push


class Working:
    """One pod that processes its own push and helps others."""

    def __init__(self, pods: Pods, push: Push) -> None:
        self._pods = pods
        self._push = push
        self._seen = 0
        self._busy = 2  # its own push, and the help beside it

    def start(self) -> None:
        """Process the pod's own push, and help when its DELETE is sent."""
        helps = self._pods.parameters.help.pushes > 0
        self._busy = 2 if helps else 1

        def deleted() -> None:
            if helps:
                self._help(self._one_done)

        self._pods.execute(self._push, deleted=deleted, settled=self._one_done)

    def _one_done(self) -> None:
        self._busy -= 1
        if self._busy:
            return
        if self._pods.parameters.help.pushes:
            # Once more, for pushes that came meanwhile.
            self._help(lambda: self._pods.end_pod(self._push))
        else:
            self._pods.end_pod(self._push)

    def _help(self, done: Callable[[], None]) -> None:
        """Help in rounds, until nothing is left to help."""
        pods, parameters = self._pods, self._pods.parameters
        left = parameters.help.pushes - self._seen
        if left <= 0:
            done()
            return
        pages = pods.pages()
        pods.asked(pages)
        listed = pods.helpable(limit=left)
        Round(pods, listed, seen=self._count, done=lambda started: self._help(done) if started else done()).run(
            after=pages * parameters.requests.page_s
        )

    def _count(self) -> None:
        self._seen += 1


class Round:
    """One round of help."""

    def __init__(
        self, pods: Pods, listed: list[Push], *, seen: Callable[[], None], done: Callable[[int], None]
    ) -> None:
        self._pods = pods
        self._left = listed[::-1]
        self._seen = seen
        self._done = done
        self._started = 0
        self._pending = 1

    def run(self, *, after: float) -> None:
        """Begin when the lists have been read."""
        self._pods.timeline.after(after, self._next)

    def _next(self) -> None:
        pods = self._pods
        while self._left:
            push = self._left.pop()
            if push.task.lease_held or push.settled is not None or push.begun:
                pods.asked(1)
                continue
            self._started += 1
            self._pending += 1
            self._seen()
            push.helped = True
            pods.execute(push, deleted=lambda: None, settled=self._one_done)
            pods.processor.work(pods.parameters.help.cpu_s, self._next)
            return
        self._one_done()

    def _one_done(self) -> None:
        self._pending -= 1
        if not self._pending:
            self._done(self._started)
