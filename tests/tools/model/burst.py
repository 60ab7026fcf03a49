"""Plays a burst of pushes, and returns its outcome.

Guarantees that equal parameters give an equal outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.tools.model.parameters import Parameters
from tests.tools.model.pods import Pods
from tests.tools.model.push import Push, Task
from tests.tools.model.timeline import Rate, Timeline
from tests.tools.model.working import Working

_ONE_AFTER_THE_OTHER_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a burst. Times are in seconds; those of `waits` are from each push's own webhook, sorted.

    Attributes:
        waits: Until the agents of each push's task are gone.
        terminating: From the first webhook until every agent is terminating; likewise the next three.
        pods: Pods that ran.
        executions: Pods or helpers that stopped agents.
        kubernetes: Requests of the pods to the API server.
        argo: Requests of Argo's controller.
        peak: Requests of the pods in the busiest second.
        github: Requests to GitHub, without signing in.
        sign_ins: Pods that signed in to GitHub.
        busy_s: Processor time.
    """

    waits: tuple[float, ...]
    terminating: float
    gone: float
    settled: float
    ended: float
    pods: int
    helped: int
    executions: int
    kubernetes: int
    argo: int
    peak: int
    github: int
    sign_ins: int
    busy_s: float

    def percentile(self, percent: int) -> float:
        """Return the time within which this percentage of the pushes had their agents gone."""
        return self.waits[min(len(self.waits) - 1, len(self.waits) * percent // 100)]


def _pushes(parameters: Parameters) -> list[Push]:
    """The pushes in the order in which they arrive."""
    load, random = parameters.load, Random(parameters.seed)
    times = sorted(random.uniform(0, load.within_s) for _ in range(load.pushes))
    if not load.within_s:
        times = [number * _ONE_AFTER_THE_OTHER_S for number in range(load.pushes)]
    tasks = [Task() for _ in range(load.tasks or load.pushes)]
    chosen = [random.choice(tasks) for _ in times] if load.tasks else tasks
    return [
        Push(number=number, task=task, arrived=time)
        for number, (time, task) in enumerate(zip(times, chosen, strict=True))
    ]


def play(parameters: Parameters) -> Outcome:
    """Play a burst to its end: until every Workflow has ended."""
    timeline, argo = Timeline(), parameters.argo
    pods = Pods(timeline, parameters=parameters, work=lambda pods, push: Working(pods, push).start())
    sensor = Rate(qps=argo.sensor_qps, burst=argo.sensor_burst)
    pushes = _pushes(parameters)
    free = 0.0
    for push in pushes:
        free = max(free, sensor.take(1, now=push.arrived), push.arrived) + argo.sensor_s
        timeline.at(free, lambda push=push: pods.submit(push))  # type: ignore[misc]
    timeline.run()
    return Outcome(
        waits=tuple(sorted(_known(push.gone) - push.arrived for push in pushes)),
        terminating=max(_known(push.terminating) for push in pushes),
        gone=max(_known(push.gone) for push in pushes),
        settled=max(_known(push.settled) for push in pushes),
        ended=max(_known(push.ended) for push in pushes),
        pods=pods.controller.pods,
        helped=sum(push.helped for push in pushes),
        executions=pods.executions,
        kubernetes=pods.traffic.kubernetes,
        argo=pods.controller.requests,
        peak=pods.traffic.peak,
        github=pods.traffic.github,
        sign_ins=pods.traffic.sign_ins,
        busy_s=pods.processor.busy_s,
    )


def _known(time: float | None) -> float:
    if time is None:
        raise AssertionError("a push was left behind")
    return time
