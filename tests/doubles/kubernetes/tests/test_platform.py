"""The platform's doubles against either server: what a cancellation finds, and what becomes of the agents' pods."""

import pytest

from tests.doubles.kubernetes.tests.cluster import Cluster, JsonObject
from tests.doubles.platform import Cleanup, Controller, Ending, Kubelet, agent_run, job_name, put_run, running

FOREGROUND = {"propagationPolicy": "Foreground"}


class Clock:
    """Time that passes only when a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Platform:
    """A controller and a kubelet in the namespace of a test."""

    def __init__(self, cluster: Cluster, *, ending: Ending = Ending.AT_ONCE, cleanup: Cleanup = Cleanup.PROMPT) -> None:
        self.cluster = cluster
        self.clock = Clock()
        client, namespace = cluster.client, cluster.namespace
        self.kubelet = Kubelet(client=client, namespace=namespace, clock=self.clock, ending=ending, exit_after_s=3.0)
        self.controller = Controller(client=client, namespace=namespace, clock=self.clock, cleanup=cleanup, slow_s=3.0)
        self.workers = (self.controller, self.kubelet)

    def running_run(self) -> JsonObject:
        """Create a run and let it come to life."""
        run = put_run(self.cluster.client, agent_run(task=7, namespace=self.cluster.namespace))
        name = run["metadata"]["name"]
        self.cluster.eventually(lambda: self.phase(name) == "Running" and self.pod(run), *self.workers)
        return run

    def phase(self, name: str) -> str:
        """Return a run's phase, if it has one."""
        return str(self.cluster.get("coderuns", name).body.get("status", {}).get("phase", ""))

    def pod(self, run: JsonObject) -> JsonObject | None:
        """Return the pod of a run, once it runs."""
        query = {"labelSelector": f"job-name={job_name(run)}", "fieldSelector": "status.phase=Running"}
        pods: list[JsonObject] = self.cluster.page("pods", **query).body["items"]
        return pods[0] if pods else None

    def work(self, rounds: int = 4) -> None:
        """Let everybody work for a few rounds."""
        for _ in range(rounds):
            for each in (*self.cluster.controllers(), *self.workers):
                each.step()

    def gone(self, run: JsonObject) -> bool:
        """Tell whether a run, its Job and its pods do not exist."""
        pods = self.cluster.names("pods", labelSelector=f"job-name={job_name(run)}")
        name = run["metadata"]["name"]
        return not pods and self.cluster.is_gone("coderuns", name) and self.cluster.is_gone("jobs", job_name(run))


def test_a_run_becomes_a_job_and_a_running_pod(cluster: Cluster) -> None:
    platform = Platform(cluster)
    run = platform.running_run()
    stored = cluster.get("coderuns", run["metadata"]["name"]).body
    assert stored["status"]["jobName"] == job_name(run)
    assert stored["metadata"]["finalizers"] == ["agents.platform/cleanup"]
    owner = cluster.get("jobs", job_name(run)).body["metadata"]["ownerReferences"][0]
    assert (owner["uid"], owner["blockOwnerDeletion"]) == (run["metadata"]["uid"], True)
    pod = platform.pod(run)
    assert pod is not None
    assert pod["metadata"]["labels"]["task-id"] == "7"
    assert pod["status"]["containerStatuses"][0]["ready"] is True


def test_a_deleted_run_disappears_after_its_pod(cluster: Cluster) -> None:
    platform = Platform(cluster, ending=Ending.AFTER)
    run = platform.running_run()
    cluster.delete("coderuns", run["metadata"]["name"], FOREGROUND)
    cluster.eventually(lambda: platform.kubelet.terminating_since, *platform.workers)
    platform.work()
    assert cluster.get("coderuns", run["metadata"]["name"]).status == 200
    assert not platform.gone(run)
    platform.clock.now = 3.0
    cluster.eventually(lambda: platform.gone(run), *platform.workers)


def test_an_agent_that_ignores_the_signal_is_killed_when_its_grace_is_over(cluster: Cluster) -> None:
    platform = Platform(cluster, ending=Ending.IGNORES)
    run = platform.running_run()
    cluster.delete("coderuns", run["metadata"]["name"], FOREGROUND)
    cluster.eventually(lambda: platform.kubelet.terminating_since, *platform.workers)
    platform.clock.now = 29.0
    platform.work()
    assert not platform.gone(run)
    platform.clock.now = 30.0
    cluster.eventually(lambda: platform.gone(run), *platform.workers)


def test_a_pod_on_a_dead_node_stays_until_it_is_forced(cluster: Cluster) -> None:
    platform = Platform(cluster, ending=Ending.DEAD_NODE)
    run = platform.running_run()
    pod = platform.pod(run)
    assert pod is not None
    cluster.delete("coderuns", run["metadata"]["name"], FOREGROUND)
    cluster.eventually(lambda: platform.kubelet.terminating_since, *platform.workers)
    platform.clock.now = 1000.0
    platform.work()
    assert not platform.gone(run)
    cluster.delete("pods", pod["metadata"]["name"], {"gracePeriodSeconds": 0})
    cluster.eventually(lambda: platform.gone(run), *platform.workers)


def test_a_hanging_controller_keeps_the_run_though_the_pod_is_gone(cluster: Cluster) -> None:
    platform = Platform(cluster, cleanup=Cleanup.HANGING)
    run = platform.running_run()
    cluster.delete("coderuns", run["metadata"]["name"], FOREGROUND)
    cluster.eventually(lambda: cluster.is_gone("jobs", job_name(run)), *platform.workers)
    platform.work()
    assert cluster.get("coderuns", run["metadata"]["name"]).body["metadata"]["deletionTimestamp"]
    platform.controller.cleanup = Cleanup.PROMPT
    cluster.eventually(lambda: platform.gone(run), *platform.workers)


def test_a_slow_controller_takes_its_time(cluster: Cluster) -> None:
    platform = Platform(cluster, cleanup=Cleanup.SLOW)
    run = platform.running_run()
    cluster.delete("coderuns", run["metadata"]["name"], FOREGROUND)
    cluster.eventually(lambda: cluster.is_gone("jobs", job_name(run)), *platform.workers)
    platform.work()
    assert cluster.get("coderuns", run["metadata"]["name"]).status == 200
    platform.clock.now = 3.0
    cluster.eventually(lambda: platform.gone(run), *platform.workers)


@pytest.mark.parametrize("propagation", ["Background", "Orphan"])
def test_the_controller_ends_the_job_however_the_run_was_deleted(cluster: Cluster, propagation: str) -> None:
    platform = Platform(cluster)
    run = platform.running_run()
    cluster.delete("coderuns", run["metadata"]["name"], {"propagationPolicy": propagation})
    if propagation == "Background":
        cluster.eventually(lambda: platform.gone(run), *platform.workers)
    else:
        cluster.eventually(lambda: cluster.is_gone("coderuns", run["metadata"]["name"]), *platform.workers)


def test_a_pod_that_ends_well_makes_its_run_succeed(cluster: Cluster) -> None:
    platform = Platform(cluster)
    run = platform.running_run()
    pod = platform.pod(run)
    assert pod is not None
    platform.kubelet.finish(pod["metadata"]["name"])
    cluster.eventually(lambda: platform.phase(run["metadata"]["name"]) == "Succeeded", *platform.workers)


def test_a_pod_that_fails_makes_its_run_fail(cluster: Cluster) -> None:
    platform = Platform(cluster)
    run = platform.running_run()
    pod = platform.pod(run)
    assert pod is not None
    platform.kubelet.finish(pod["metadata"]["name"], exit_code=1)
    cluster.eventually(lambda: platform.phase(run["metadata"]["name"]) == "Failed", *platform.workers)


def test_a_suspended_job_loses_its_pod_and_gets_a_new_one_when_resumed(cluster: Cluster) -> None:
    platform = Platform(cluster)
    run = platform.running_run()
    pod = platform.pod(run)
    assert pod is not None
    cluster.patch("jobs", job_name(run), {"spec": {"suspend": True}})
    cluster.eventually(lambda: cluster.is_gone("pods", pod["metadata"]["name"]), *platform.workers)
    cluster.patch("jobs", job_name(run), {"spec": {"suspend": False}})
    cluster.eventually(lambda: platform.pod(run), *platform.workers)


def test_the_platform_can_work_in_the_background(cluster: Cluster) -> None:
    platform = Platform(cluster)
    run = put_run(cluster.client, agent_run(task=7, namespace=cluster.namespace))
    with running(*cluster.controllers(), *platform.workers):
        cluster.eventually(lambda: platform.pod(run))
        cluster.delete("coderuns", run["metadata"]["name"], FOREGROUND)
        cluster.eventually(lambda: platform.gone(run))
