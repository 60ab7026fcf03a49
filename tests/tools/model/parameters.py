"""The parameters of the model, each with its source: measured, counted, read in code or documents, or assumed.

Guarantees that nothing is random here. "Measured" names the document. "Fitted" means that the value was chosen so that
the model meets a measured burst. "Assumed" means that nothing shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The processors that start and end pods.

    Attributes:
        cores: Processors of all nodes together.
        start_cpu_s: Processor time from the pod's creation to the first request of the step: scheduler, kubelet,
            containerd, Argo's init container and sidecar, Python; and the share of the control plane, which ran on the
            same processors. Fitted to the bursts in measured.toml.
        second_cpu_s: The same for a second container, as pods had until 2026-11-27. Fitted, as above.
        start_cores: Processors that one starting pod can use at once. Fitted to the single push.
        relist_s: Waits of the kubelet that need no processor: one of the two at random. Measured: pods start 1.3 or
            2.2 s after the webhook, hardly anything between.
        rest_cpu_s: Processor time after the step's end: Argo's sidecar, kubelet, containerd. Fitted, as above.
        end_cpu_s: Processor time to end the pod of an agent. Measured (docs/decisions/0015-help.md): with the DELETEs
            sent within a second, 25 pods took 8 to 9 s more on two cores.
        end_s: Time in which a lone agent's pod ends after SIGTERM. Measured (docs/measurements-cluster.md): 1.0 s less
            the processor time.
    """

    cores: int = 2
    start_cpu_s: float = 2.4
    second_cpu_s: float = 1.0
    start_cores: int = 2
    relist_s: tuple[float, float] = (0.6, 1.5)
    rest_cpu_s: float = 1.3
    end_cpu_s: float = 0.65
    end_s: float = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Argo:
    """Argo's Sensor and controller.

    Attributes:
        sensor_s: Time from the webhook to the Workflow. Measured (docs/measurements-cluster.md): 0.06 to 0.11 s.
        sensor_qps: Workflows that one Sensor creates in a second. Read in code: Argo Events 1.9 sets no rate for its
            client, so that client-go's default of 5 holds, and a trigger with `atLeastOnce` works one event at a time.
            Measured with that client alone (client-go 0.32.2, 2026-11-28): 25 creations take 3.0 s.
        sensor_burst: The same client's burst: 10.
        requeue_s: `DEFAULT_REQUEUE_TIME`: the controller reconciles a Workflow again this long after its last pass.
        notify_s: `SEMAPHORE_NOTIFY_DELAY`: pause between a free place and the pass of the next Workflow.
        qps: `--qps` of the controller. Default of Argo 4.1: 20.
        burst: `--burst` of the controller. Default: 30.
        first_requests: Requests of the first pass of a Workflow. Read in code (as the next two), not counted:
            ConfigMap, status, Event.
        start_requests: Requests that start a pod: ConfigMap, account, pod, status, Events of two nodes.
        end_requests: Requests of the last pass: status, Events, task results, the pod's labels.
        concurrent: Places of the semaphore (`workflow.concurrent`).
    """

    sensor_s: float = 0.08
    sensor_qps: float = 5
    sensor_burst: int = 10
    requeue_s: float = 10
    notify_s: float = 1
    qps: float = 20
    burst: int = 30
    first_requests: int = 3
    start_requests: int = 6
    end_requests: int = 7
    concurrent: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests of one push with one stale run. Counted by `tests/tools/bench/calls.py`; a test compares them.

    Attributes:
        before: To the API server, up to and with the DELETE.
        after: To the API server, after it, to the end. Lists for help come on top.
        superseded: To the API server, by a pod that finds its push done.
        github_before: To GitHub, before the DELETE.
        github_after: To GitHub, after the agents are gone, with a first comment.
        github_writes: The writes among them. GitHub counts five points for each, one for each read.
        github_created: The POSTs among them: label and comment. Assumed: GitHub counts both as content-creating.
        github_sign_in: Of a GitHub App, for each pod: one POST.
        request_s: Time of one request to the API server. Measured (docs/measurements.md, Lease): 8 ms for two.
        page_s: Time of one page of a list. Measured (docs/measurements.md, reconcile): 396 pages in 2.7 s.
        page: Workflows or Leases on a page that a helper reads (`steps/help/queue.py`).
        github_s: Time of one request to GitHub. Assumed.
        poll_s: Longest time until the step sees that a pod is gone. Read in code: `stop.poll_s` is the longest pause,
            and the first is a fifth of it.
        retry_s: Time between two reads of a held Lease (`lease.retry_every_s`).
    """

    before: int = 8
    after: int = 13
    superseded: int = 2
    github_before: int = 1
    github_after: int = 6
    github_writes: int = 3
    github_created: int = 2
    github_sign_in: int = 1
    request_s: float = 0.004
    page_s: float = 0.007
    page: int = 25
    github_s: float = 0.2
    poll_s: float = 0.8
    retry_s: float = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """Help for pushes that wait.

    Attributes:
        pushes: `help.pushes`; 0 switches help off.
        longest_s: `help.longest_s`.
        cpu_s: Processor time of the helper for one push, up to the DELETE. Measured (docs/decisions/0015-help.md): one
            pod sent 23 DELETEs within a second.
    """

    pushes: int = 50
    longest_s: float = 120.0
    cpu_s: float = 0.043


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The pushes.

    Attributes:
        pushes: How many.
        tasks: How many tasks they go to, at random; 0: each push to a task of its own.
        within_s: They arrive at random within this time; 0: one right after the other.
    """

    pushes: int
    tasks: int = 0
    within_s: float = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Everything that a run of the model depends on."""

    load: Load
    node: Node = field(default_factory=Node)
    argo: Argo = field(default_factory=Argo)
    requests: Requests = field(default_factory=Requests)
    help: Help = field(default_factory=Help)
    seed: int = 1
