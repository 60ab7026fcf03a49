"""Processes the pushes of other Workflows beside the pod's own push.

Guarantees that every DELETE of a round is sent before any of its runs is waited for, that a Lease which another pod
holds is skipped at once, and that no error leaves this module. The Leases that are held are renewed until they are
released. A further round begins while earlier ones are finished, as `pushes` and `longest_s` allow. After SIGTERM, no
further push is begun. Not guaranteed: that a push is helped. Its own Workflow processes it then.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from itertools import islice
from threading import Condition, Event
from typing import TYPE_CHECKING

from steps.cancellation import finish_execution, start_execution, with_own_push
from steps.core import LockBusyError, StepError, run_parallel
from steps.help.helped_context import helped_context
from steps.help.queue import helpable_pushes
from steps.runtime import logged_failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from steps.cancellation import StartedExecution
    from steps.help.queue import HelpablePush
    from steps.runtime import StepContext


# A pod waits longer than this for slow agents, or for Argo (docs/decisions/0006).
_AGAIN_S = 5.0


class Helper:
    """Helps the pushes that wait, in rounds."""

    def __init__(self, context: StepContext) -> None:
        """Create a helper.

        Args:
            context: The step of the pod's own push.
        """
        self._context = context
        self._settings = context.settings.help
        self._began = context.clock.monotonic()
        self._seen: set[str] = set()
        self._unfinished: list[StartedExecution] = []
        self._finished = Condition()

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Help in a thread of its own while the body runs, and once more after it if there was something to help.

        The thread looks for pushes every few seconds. If `parallel` is 1, the help comes after the body.
        """
        if not self._settings.pushes or self._settings.parallel == 1:
            yield
            if self._settings.pushes:
                self._help()
            return
        ended = Event()
        with ThreadPoolExecutor(max_workers=1) as pool:
            try:
                # SIGTERM may interrupt this line after the thread has started.
                helping = pool.submit(self._help_until, ended)
                yield
            finally:
                ended.set()
            wait([helping])
            if self._seen:  # that took time: a newer push to the own task may wait for the mutex
                self._help()

    def _help_until(self, ended: Event) -> None:
        """Help, and look again for pushes that wait until the body has ended. Fails on SIGTERM."""
        self._help()
        while not ended.wait(_AGAIN_S):
            self._end_if_terminated()
            self._help()

    def _help(self) -> None:
        """Help in rounds until no further push waits. Never fails, except on SIGTERM."""
        with logged_failure("could not help", context=self._context):
            if self._settings.parallel == 1:
                while started := self._start_round():
                    self._finish_round(started)
            else:
                self._help_in_threads()

    def _help_in_threads(self) -> None:
        """Begin a round whenever pushes wait and there is room. Each has a thread, so that none waits to be renewed."""
        with ThreadPoolExecutor(max_workers=self._settings.pushes) as pool:
            while (started := self._start_round()) or self._unfinished:
                if started:
                    pool.submit(self._finish_round, started)
                else:
                    self._wait_for_room()

    def _wait_for_room(self) -> None:
        """Wait until half of the pushes are finished. To list the waiting Workflows after each one is expensive."""
        most = len(self._unfinished) // 2
        with self._finished:
            self._finished.wait_for(lambda: len(self._unfinished) <= most)

    def _start_round(self) -> list[StartedExecution]:
        """Send the DELETEs of the pushes that wait; of one push if `parallel` is 1. Fails on SIGTERM."""
        self._end_if_terminated()
        left = self._settings.pushes - len(self._unfinished)
        if left <= 0 or self._context.clock.monotonic() - self._began >= self._settings.longest_s:
            return []  # to list many waiting Workflows is expensive
        waiting = helpable_pushes(self._context, seen=self._seen, limit=left)
        if self._settings.parallel == 1:
            return list(islice(filter(None, map(self._start, waiting)), 1))
        started: list[StartedExecution] = []

        def start(push: HelpablePush) -> None:
            if found := self._start(push):
                started.append(found)

        with logged_failure("could not help", context=self._context):
            run_parallel(
                [partial(start, each) for each in waiting],
                parallel=self._settings.parallel,
                while_waiting=lambda: _renew(started),
            )
        return started

    def _start(self, push: HelpablePush) -> StartedExecution | None:
        context, started = helped_context(push.workflow, helper=self._context), None
        with logged_failure("could not help this push", context=context):
            self._end_if_terminated()
            context = with_own_push(context)
            try:
                started = start_execution(context, acquire=partial(context.lease().acquire_free, push.lease))
            except LockBusyError:
                return None
        self._seen.add(push.workflow.uid)
        if started:
            with self._finished:
                self._unfinished.append(started)
        return started

    def _finish_round(self, started: Sequence[StartedExecution]) -> None:
        """Wait for all runs together, and settle each push."""
        pending = list(started)

        def finish(execution: StartedExecution) -> None:
            with logged_failure("could not help this push", context=execution.context):
                finish_execution(execution)
            pending.remove(execution)
            self._forget([execution])

        with logged_failure("could not help", context=self._context):
            run_parallel(
                [partial(finish, each) for each in started],
                parallel=len(started),
                while_waiting=lambda: _renew(pending),
            )
        self._forget(started)

    def _forget(self, executions: Sequence[StartedExecution]) -> None:
        """Nobody waits for these pushes any longer."""
        ended = set(map(id, executions))
        with self._finished:
            self._unfinished = [each for each in self._unfinished if id(each) not in ended]
            self._finished.notify()

    def _end_if_terminated(self) -> None:
        """Fail on SIGTERM, which interrupts no thread but the main one."""
        self._context.clock.sleep(0)


def _renew(executions: Sequence[StartedExecution]) -> None:
    """Renew the Leases that are due. A Lease that is lost fails its own push only."""
    for execution in tuple(executions):
        try:
            execution.held.renew_if_due()
        except StepError:
            continue
