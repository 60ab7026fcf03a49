"""Argo's controller: the mutex of a task, the semaphore, and passes that see the end of a pod late.

Guarantees that at most `concurrent` pods run, that a task has one running Workflow, and that the newest push comes
first in both queues. Not modelled: `--workflow-workers` and `--pod-cleanup-workers`, and the passes in between.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

from tests.tools.model.parameters import Argo
from tests.tools.model.push import Push
from tests.tools.model.timeline import Rate, Timeline

_TERMINATE_REQUESTS = 2  # status, Event


class Controller:
    """Starts and ends Workflows."""

    def __init__(self, timeline: Timeline, *, argo: Argo, start_pod: Callable[[Push], None]) -> None:
        """Create it.

        Args:
            timeline: The events.
            argo: Its parameters.
            start_pod: Called when the pod of a push has been created.
        """
        self._timeline = timeline
        self._argo = argo
        self._start_pod = start_pod
        self._rate = Rate(qps=argo.qps, burst=argo.burst)
        self._free = argo.concurrent
        self._queue: list[tuple[int, int, Push]] = []
        self.requests = 0
        self.pods = 0

    def submit(self, push: Push) -> None:
        """Process a new Workflow for the first time."""
        self._timeline.at(self._asked(self._argo.first_requests), lambda: self._want_mutex(push))

    def pod_ended(self, push: Push) -> None:
        """Notice the end of a pod in the next pass."""
        began = push.pod_at or 0.0
        passes = max(1, math.ceil((self._timeline.now - began) / self._argo.requeue_s))
        self._timeline.at(began + passes * self._argo.requeue_s, lambda: self._last_pass(push))

    def terminate(self, push: Push) -> None:
        """End a Workflow that waits."""
        self._asked(_TERMINATE_REQUESTS)
        push.ended = self._timeline.now
        if push.task.holder is push:
            self._release_mutex(push)

    def _asked(self, requests: int) -> float:
        self.requests += requests
        return self._rate.take(requests, now=self._timeline.now)

    def _want_mutex(self, push: Push) -> None:
        if push.ended is not None:
            return
        if push.task.holder is not None:
            push.task.queue.append(push)
            return
        push.task.holder = push
        heapq.heappush(self._queue, (-int(push.arrived), push.number, push))
        self._fill()

    def _fill(self) -> None:
        while self._free and self._queue:
            push = heapq.heappop(self._queue)[-1]
            if push.ended is None:
                self._free -= 1
                self._timeline.at(self._asked(self._argo.start_requests), lambda push=push: self._start(push))  # type: ignore[misc]

    def _start(self, push: Push) -> None:
        if push.ended is not None:
            self._release_place()
            return
        self.pods += 1
        push.pod_at = self._timeline.now
        self._start_pod(push)

    def _last_pass(self, push: Push) -> None:
        self._timeline.at(self._asked(self._argo.end_requests), lambda: self._end(push))

    def _end(self, push: Push) -> None:
        push.ended = self._timeline.now
        self._release_mutex(push)
        self._timeline.after(self._argo.notify_s, self._release_place)

    def _release_place(self) -> None:
        self._free += 1
        self._fill()

    def _release_mutex(self, push: Push) -> None:
        task = push.task
        task.holder = None
        waiting = [each for each in task.queue if each.ended is None]
        task.queue.clear()
        if waiting:
            newest = max(waiting, key=lambda each: each.number)
            task.queue += [each for each in waiting if each is not newest]
            task.holder = newest
            self._timeline.after(self._argo.notify_s, lambda: self._queue_up(newest))

    def _queue_up(self, push: Push) -> None:
        if push.ended is None:
            heapq.heappush(self._queue, (-int(push.arrived), push.number, push))
            self._fill()
