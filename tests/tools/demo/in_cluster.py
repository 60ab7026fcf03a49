"""The play in a real cluster: signed webhook, Argo Events, Argo Workflows, and agents in real pods.

Guarantees: everything is as users have it, with Argo's own timing; only GitHub and the platform's controller are
doubles, the latter one that makes real Jobs. The cluster stays up afterwards.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.doubles.argo_workflows import Process
from tests.doubles.platform.controller import job_name
from tests.doubles.platform.platform import runs_path
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.e2e.provision.argo import Options
from tests.e2e.provision.cluster import configure, up
from tests.e2e.support.moments import next_second
from tests.e2e.support.pods import step_pods
from tests.e2e.support.surroundings import surroundings
from tests.tools.demo.outcome import LEFT, STALE, Moment, Outcome, State, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.support.stage import Stage
    from tests.e2e.support.surroundings import Surroundings


def play(*, progress: Callable[[str], None]) -> Outcome:
    """Play one push.

    Args:
        progress: Called with what is happening, for a person who waits.
    """
    progress("starting the cluster, or bringing it up to date")
    cluster = up(None)
    configure(cluster, Options())
    with surroundings(cluster) as around:
        stage = around.stage()
        try:
            return _play(stage, around, progress=progress)
        finally:
            around.clear(stage)


def _play(stage: Stage, around: Surroundings, *, progress: Callable[[str], None]) -> Outcome:
    progress("starting the agents")
    stale = [stage.agent(agent, name=f"{name}-{stage.task}") for agent, name in zip((TESS, CLEO), STALE, strict=True)]
    stage.agent(REX, name=f"{LEFT[0]}-{stage.task}")
    jobs = {job_name(run) for run in stale}
    next_second()

    progress("pushing a fix")
    delivery = stage.push()
    labels_before, began = around.github.labels(stage.pull_request), time.time()
    assert stage.deliver(delivery) == 200
    moments = {"Workflow created by the Sensor": stage.until(lambda: bool(stage.workflows()), what="a workflow")}
    next_second()
    next_second()
    newer = stage.start(TESS, name=f"{LEFT[1]}-{stage.task}")
    before = _agents(stage)

    progress("waiting for the steps")
    moments["first stale run is being deleted"] = stage.until(stage.deleting, what="a stale run is being deleted")
    moments["pods of the stale agents gone"] = stage.until(lambda: not stage.pods() & jobs, what="the pods are gone")
    workflow = stage.finished(delivery)
    moments["Workflow finished, mutex free"] = time.time()
    stage.at_work(newer)
    processes = tuple(_processes(stage, str(workflow["metadata"]["name"])))
    return Outcome(
        task=stage.task,
        pull_request=stage.pull_request,
        moments=tuple(
            sorted(
                [
                    Moment(at=0.0, who="GitHub", what=f"push to {stage.branch}, delivered to the EventSource"),
                    *(Moment(at=at - began, who="cluster", what=what) for what, at in moments.items()),
                    *_reported(stage, stale=jobs, began=began),
                    *_asked(around, began=began),
                    *said(processes, began=began),
                ],
                key=lambda moment: moment.at,
            )
        ),
        before=before,
        after=_agents(stage),
        labels_before=labels_before,
        labels_after=around.github.labels(stage.pull_request),
        record=stage.record(),
        processes=processes,
    )


def _agents(stage: Stage) -> State:
    listed = stage.client.ask("GET", runs_path(stage.agents), query={"labelSelector": f"task-id={stage.task}"})
    return {
        run["metadata"]["name"]: (run["spec"]["githubApp"], run.get("status", {}).get("phase", "new"))
        for run in listed["items"]
    }


def _reported(stage: Stage, *, stale: set[str], began: float) -> Iterator[Moment]:
    """What the agents' own processes said."""
    for job in sorted(stale):
        for what in ("SIGTERM", "exit"):
            if when := stage.agent_reports.when(what, job):
                yield Moment(at=when - began, who="agent", what=f"{job}: {what}")


def _asked(around: Surroundings, *, began: float) -> Iterator[Moment]:
    for call in around.github.calls:
        if call.at >= began:
            yield Moment(at=call.at - began, who="GitHub", what=f"{call.method} {call.path.removeprefix('/repos')}")


def _processes(stage: Stage, workflow: str) -> Iterator[Process]:
    """The steps' containers, with what they said."""
    for pod in step_pods(stage, workflow):
        name = pod["metadata"]["name"]
        order = [container["name"] for container in pod["spec"]["containers"] if container["name"] != "wait"]
        ended = {status["name"]: status["state"].get("terminated", {}) for status in pod["status"]["containerStatuses"]}
        for container in order:
            output = stage.cluster.kubectl("-n", stage.home, "logs", name, "--container", container)
            lines = [line for line in output.splitlines() if line.startswith("{")]
            code = int(ended[container].get("exitCode", -1))
            yield Process(container=container, exit_code=code, output="\n".join(lines), seconds=0.0)
