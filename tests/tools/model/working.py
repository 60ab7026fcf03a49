"""What a pod does: its own push, and help for the pushes of other tasks in rounds, as `steps/help/helper.py` does.

Guarantees that all DELETEs of a round are sent before any of its pods is waited for, that a further round begins when
half of the pushes are finished, that a pod helps as many pushes at the same time as it may, and that it ends when its
own push and its help are done.
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
        self._began = 0.0
        self._unfinished = 0  # helped pushes
        self._most = 0  # helped pushes until which it waits before it lists again
        self._look_again: Callable[[], None] | None = None
        self._busy = 2  # its own push, and the help beside it

    def start(self) -> None:
        """Process the pod's own push, and help when its DELETE is sent."""
        helps = self._pods.parameters.help.pushes > 0
        self._busy = 2 if helps else 1

        def deleted() -> None:
            if helps:
                self._began = self._pods.timeline.now
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
        """Begin a round if there is room, and another one after it, until nothing is left to help."""
        pods, parameters = self._pods, self._pods.parameters
        left = parameters.help.pushes - self._unfinished
        late = pods.timeline.now - self._began >= parameters.help.longest_s
        if left <= 0 or late:
            self._wait(done)
            return
        pages = pods.pages()
        pods.asked(pages)
        listed = pods.helpable(limit=left)

        def begun(started: int) -> None:
            if started:
                self._help(done)
            else:
                self._wait(done)

        Round(pods, listed, begun=begun, count=self._count).run(after=pages * parameters.requests.page_s)

    def _wait(self, done: Callable[[], None]) -> None:
        """List again when half of the pushes are finished."""
        if self._unfinished:
            self._most = self._unfinished // 2
            self._look_again = lambda: self._help(done)
        else:
            done()

    def _count(self, change: int) -> None:
        self._unfinished += change
        if self._look_again and self._unfinished <= self._most:
            again, self._look_again = self._look_again, None
            again()


class Round:
    """One round of help."""

    def __init__(
        self,
        pods: Pods,
        listed: list[Push],
        *,
        begun: Callable[[int], None],
        count: Callable[[int], None],
    ) -> None:
        self._pods = pods
        self._left = listed[::-1]
        self._begun = begun
        self._count = count
        self._started = 0

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
            self._count(1)
            push.helped = True
            pods.execute(push, deleted=lambda: None, settled=lambda: self._count(-1))
            pods.processor.work(pods.parameters.help.cpu_s, self._next)
            return
        self._begun(self._started)
