"""The pods: how they start and end, and how one of them, or a helper, processes a push.

Guarantees what the steps guarantee, as far as the model has it: one pod at a time works on a task, and the push of a
task that is processed supersedes all that came before. Not modelled: failures, retries, the Lease's renewal, limits of
GitHub.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from tests.tools.model.controller import Controller
from tests.tools.model.parameters import Parameters
from tests.tools.model.push import Push
from tests.tools.model.timeline import Action, Processor, Timeline
from tests.tools.model.traffic import Traffic


class Pods:
    """All pods of the simulation."""

    def __init__(self, timeline: Timeline, *, parameters: Parameters, work: Callable[[Pods, Push], None]) -> None:
        """Create none yet.

        Args:
            timeline: The events.
            parameters: The parameters.
            work: Called when a pod begins whose push is not processed yet.
        """
        self.timeline = timeline
        self.parameters = parameters
        self._work = work
        self._random = Random(parameters.seed)
        self.processor = Processor(timeline, cores=parameters.node.cores)
        self.controller = Controller(timeline, argo=parameters.argo, start_pod=self._start)
        self.traffic = Traffic()
        self.executions = 0
        # Pushes whose Workflow waits for a pod; a dict, because it keeps the order in which they came.
        self._waiting: dict[int, Push] = {}
        self._unfinished = 0

    def submit(self, push: Push) -> None:
        """Create the Workflow of a push."""
        push.created = self.timeline.now
        push.task.unsettled.append(push)
        self._waiting[push.number] = push
        self._unfinished += 1
        self.controller.submit(push)

    def _start(self, push: Push) -> None:
        node = self.parameters.node
        wait = self._random.choice(node.relist_s)
        self.processor.work(
            node.start_cpu_s,
            lambda: self.timeline.after(wait, lambda: self._begin(push)),
            cores=min(node.start_cores, node.cores),
        )

    def _begin(self, push: Push) -> None:
        requests = self.parameters.requests
        push.begun = True
        self._waiting.pop(push.number, None)
        if push.settled is not None:
            self.asked(requests.superseded)
            self.end_pod(push)
        elif push.task.lease_held:
            self.asked(1)
            self.timeline.after(requests.retry_s, lambda: self._begin(push))
        else:
            self.traffic.sign_ins += 1
            self._work(self, push)

    def end_pod(self, push: Push) -> None:
        """End the pod of a push."""
        self._unfinished -= 1
        self.processor.work(self.parameters.node.rest_cpu_s, lambda: self.controller.pod_ended(push))

    def asked(self, requests: int) -> None:
        """Count requests of a pod to the API server."""
        self.traffic.to_kubernetes(requests, now=self.timeline.now)

    def execute(self, push: Push, *, deleted: Action, settled: Action) -> None:
        """Take the task's Lease, stop its stale agent, and move the labels.

        Args:
            push: The push.
            deleted: Called when the DELETE is sent.
            settled: Called when the Lease is free again.
        """
        requests, node, task = self.parameters.requests, self.parameters.node, push.task
        self.executions += 1
        task.lease_held = True
        covered = list(task.unsettled)
        for each in covered:
            self._waiting.pop(each.number, None)

        def delete() -> None:
            self.asked(requests.before)
            self.traffic.github += requests.github_before
            for each in covered:
                each.terminating = self.timeline.now
            self.processor.work(node.end_cpu_s, lambda: self.timeline.after(node.end_s, gone))
            deleted()

        def gone() -> None:
            for each in covered:
                each.gone = self.timeline.now
            seen = self._random.uniform(0, requests.poll_s)
            took = requests.after * requests.request_s + requests.github_after * requests.github_s
            self.timeline.after(seen + took, settle)

        def settle() -> None:
            self.asked(requests.after)
            self.traffic.github += requests.github_after
            self.traffic.github_writes += requests.github_writes
            self._settle(push, covered=covered)
            settled()

        self.timeline.after(requests.before * requests.request_s + requests.github_before * requests.github_s, delete)

    def _settle(self, push: Push, *, covered: list[Push]) -> None:
        push.task.lease_held = False
        for each in covered:
            each.settled = self.timeline.now
            push.task.unsettled.remove(each)
            if each is not push and each.pod_at is None:
                self._unfinished -= 1
                self.controller.terminate(each)
        for each in push.task.unsettled:
            if not each.begun:
                self._waiting[each.number] = each

    def helpable(self, *, limit: int) -> list[Push]:
        """List the pushes that wait and whose Lease is free: of each task one, the oldest first."""
        found: dict[int, Push] = {}
        if limit > 0:
            for push in self._waiting.values():
                if not push.task.lease_held:
                    found.setdefault(id(push.task), push)
                    if len(found) == limit:
                        break
        return list(found.values())

    def pages(self) -> int:
        """Pages of the list of Workflows that are not finished, and of their tasks' Leases."""
        page = self.parameters.requests.page
        return max(1, math.ceil(self._unfinished / page)) + math.ceil(len(self._waiting) / page)
