"""Entry `reconcile`: one pass over many tasks of which some are broken, as the process that the schedule starts.

Each task has a Lease with its record, a state document and a run that is at work; of the broken ones half have failed
and half are stuck. All repairs that a pass may start are allowed at once, so that every broken task costs its requests.
"""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines import names
from pipelines.client.reconcile_pass import reconcile_context
from steps.core.keys import PHASE, RECORD, TASK
from steps.domain.push import Repository
from steps.domain.task_id import TaskId
from steps.kube.kubeconfig import read_kubeconfig
from steps.lease.lease_object import lease_name
from steps.reconciliation.reconcile_pass import run_pass
from steps.settings.loading import SETTINGS_ENV
from steps.telemetry.log import Log
from tests.doubles import github as github_double
from tests.doubles.platform.platform import install_crd, runs_path
from tests.doubles.platform.runs import agent_run
from tests.doubles.service_account import ServiceAccount
from tests.integration.control_plane.installation import Installation, install, settings_with
from tests.integration.control_plane.server import run
from tests.tools.bench.calls import kind_of
from tests.tools.bench.child import Ended, python
from tests.tools.bench.measured import BenchError, Entry, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pipelines.settings import Settings
    from steps.kube.transport import Json, Response, Transport
    from tests.tools.bench.bench import Bench

SIZES, QUICK_SIZES = (1_000, 10_000), (200, 1_000)
BROKEN = 100
ROUNDS = 3
# Promised is a pass over a thousand tasks; more are measured to see how it grows.
TARGET_S, PROMISED = 10.0, 1_000
REPOSITORY = "5dlabs/cto"
_WRITERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, as far as it is counted."""

    method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingTransport:
    """Counts what it sends."""

    inner: Transport
    calls: list[Call] = field(default_factory=list)

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Count a request and send it."""
        self.calls.append(Call(method=method, path=target.partition("?")[0]))
        return self.inner.send(method=method, target=target, headers=headers, body=body, timeout_s=timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Many tasks on a real API server."""

    installation: Installation
    kubeconfig: Path
    account: ServiceAccount
    size: int

    @property
    def settings(self) -> Settings:
        """The shipped settings, with one pass a minute and room for every repair."""
        return self.installation.settings

    def lease_path(self, task: int | None = None) -> str:
        """Path of the Leases, or of a task's."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.settings.namespaces.workflows}/leases"
        name = lease_name(repository=Repository(REPOSITORY), task=TaskId(str(task)))
        return f"{path}/{name}" if task else path

    def lease(self, task: int) -> dict[str, Any]:
        """A task's Lease; the first are broken."""
        phase = "completed" if task > BROKEN else "failed" if task % 2 else "in_progress"
        moment = datetime.now(UTC) - timedelta(minutes=10)
        record = {
            "version": 1,
            "push": {
                "repository": REPOSITORY,
                "task": str(task),
                "ref": f"refs/heads/task-{task}-work",
                "sha": "b" * 40,
                "pushed_at": moment.isoformat(),
                "correlation_id": "0" * 36,
                "reason": "push",
                "dry_run": False,
                "requested_by": "5DLabs-Rex[bot]",
            },
            "watermark": moment.isoformat(),
            "phase": phase,
            "attempts": 1,
            "workflow": "w" * 45,
            "workflow_uid": "0" * 36,
            "started_at": moment.isoformat(),
            "labels": "moved",
            "agents": [_agent(task, number, moment) for number in range(3)],
        }
        labels = {"app.kubernetes.io/managed-by": "agent-cancellation", TASK: str(task), PHASE: phase}
        metadata = {
            "name": self.lease_path(task).rpartition("/")[2],
            "labels": labels,
            "annotations": {RECORD: json.dumps(record)},
        }
        spec = {"holderIdentity": "", "leaseTransitions": 3, "renewTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}

    def fill(self, *, first: int) -> None:
        """Create what tasks from `first` on have."""
        agents, client = self.settings.namespaces.agents[0], self.installation.client

        def make(task: int) -> None:
            state = {"status": "InProgress", "feedback_history": ["x" * 500], "cancellation_in_progress": False}
            metadata = {"name": self.settings.state.config_map.format(task=task)}
            config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
            config_map["data"] = {self.settings.state.key: json.dumps(state)}
            client.ask("POST", self.lease_path(), self.lease(task))
            client.ask("POST", f"/api/v1/namespaces/{agents}/configmaps", config_map)
            url = f"https://github.com/{REPOSITORY}"
            client.ask("POST", runs_path(agents), agent_run(task=task, repository=url, namespace=agents))

        with ThreadPoolExecutor(max_workers=_WRITERS) as pool:
            list(pool.map(make, range(first, self.size + 1)))

    def reset(self) -> None:
        """Break what was found before, as if no pass had run."""
        home, client = self.settings.namespaces.workflows, self.installation.client
        client.ask("DELETE", f"/apis/argoproj.io/v1alpha1/namespaces/{home}/workflows")
        for task in range(1, BROKEN + 1):
            client.ask("DELETE", self.lease_path(task))
            client.ask("POST", self.lease_path(), self.lease(task))

    def as_process(self) -> Ended:
        """One pass, as the schedule's container."""
        environment = {
            **self.account.environment,
            SETTINGS_ENV: self.settings.for_reconcile(),
            "WORKFLOW_NAME": names.RECONCILE,
            "WORKFLOW_UID": "0",
            "WORKFLOW_CREATED_AT": str(int(datetime.now(UTC).timestamp())),
            "POD_NAME": names.RECONCILE,
            "POD_UID": "0",
        }
        command = self.account.command(["python", "-m", "steps.reconcile"])
        ended = python(*command[1:], environment=environment)
        self.check(json.loads(ended.output.splitlines()[-1]))
        return ended

    def calls(self) -> Counter[str]:
        """The requests of one pass, by kind."""
        transport = CountingTransport(inner=read_kubeconfig(str(self.kubeconfig)))
        context = reconcile_context(self.settings, transport=transport, dry_run=False)
        context = replace(context, log=Log(clock=context.clock, stream=io.StringIO()))
        transport.calls.clear()
        done = run_pass(context)
        if len(done.repairs) != BROKEN:
            raise BenchError(f"{len(done.repairs)} findings")
        return Counter(kind_of(call) for call in transport.calls)

    def check(self, reported: dict[str, Any]) -> None:
        """What the pass said of itself is what was to be measured."""
        if (reported.get("tasks"), reported.get("findings"), reported.get("repairs")) != (self.size, BROKEN, BROKEN):
            raise BenchError(f"not the pass that was to be measured: {reported}")


def _agent(task: int, number: int, moment: datetime) -> dict[str, str]:
    return {
        "kind": "coderuns",
        "name": f"task-{task}-tess-{number}",
        "uid": f"{random.getrandbits(128):032x}",
        "job": f"task-{task}-tess-{number}",
        "agent": "5DLabs-Tess",
        "created_at": moment.isoformat(),
        "outcome": "gone",
        "reason": "object, Job and pods are gone",
    }


def measure(bench: Bench) -> Iterator[Row]:
    """A pass over each size; the control plane is its own, without any other client."""
    folder = bench.folder / "reconcile"
    folder.mkdir()
    with ExitStack() as stack:
        github_url = stack.enter_context(github_double.serve(github_double.GitHub()))
        changes = {
            '"https://api.github.com"': f'"{github_url}"',
            "hosts = []": 'hosts = ["github.com"]',
            "every_s = 30 ": "every_s = 60 ",
            "in_flight = 10 ": f"in_flight = {BROKEN} ",
            "ask_github = true": "ask_github = false",
        }
        plane = stack.enter_context(run(prepare=install_crd))
        settings = settings_with(changes, folder=folder)
        installation = install(plane, settings=settings, folder=folder / "rendered")
        stack.callback(installation.client.close)
        account = settings.namespaces.workflows, names.RECONCILE
        kubeconfig = plane.service_account_kubeconfig(*account, folder / "kubeconfig")
        mounted = ServiceAccount.mount(kubeconfig, folder / "account")
        crowd = Crowd(installation=installation, kubeconfig=kubeconfig, account=mounted, size=0)
        rows: list[Row] = []
        for size in QUICK_SIZES if bench.quick else SIZES:
            bench.progress(f"making {size} tasks")
            before, crowd = crowd.size, replace(crowd, size=size)
            crowd.fill(first=before + 1)
            rows = [*_measured(crowd, bench=bench, before=rows)]
            yield from rows


def _measured(crowd: Crowd, *, bench: Bench, before: list[Row]) -> Iterator[Row]:
    ended = []
    for number in range(total := bench.rounds(ROUNDS)):
        bench.progress(f"a pass over {crowd.size} tasks, round {number + 1} of {total}")
        crowd.reset()
        ended.append(crowd.as_process())
    crowd.reset()
    calls = crowd.calls()
    name = f"{crowd.size} tasks, {BROKEN} broken"
    lists = sum(count for kind, count in calls.items() if kind.startswith("LIST"))
    seconds = [json.loads(each.output.splitlines()[-1])["seconds"] for each in ended]
    found = [
        Row(what=f"pass, {name}", unit="s", values=tuple(seconds), target=TARGET_S if crowd.size <= PROMISED else None),
        Row(what=f"process, {name}", unit="s", values=tuple(each.seconds for each in ended)),
        Row(what=f"process, {name}", unit="s of processor", values=tuple(each.processor_s for each in ended)),
        Row(what=f"peak memory, {name}", unit="MiB", values=tuple(each.peak_mib for each in ended)),
        Row(what=f"pages of 5 lists, {name}", unit="calls", values=(float(lists),)),
        Row(
            what=f"all requests, {name}",
            unit="calls",
            values=(float(calls.total()),),
            detail={kind: float(count) for kind, count in sorted(calls.items())},
        ),
    ]
    smaller = before or [None] * len(found)  # type: ignore[list-item]
    for row, other in zip(found, smaller, strict=True):
        yield row.against(**{other.what.partition(", ")[2]: other}) if other else row


ENTRY = Entry(
    name="reconcile",
    title="One pass of reconcile over many tasks",
    includes=(
        "The scheduled process with its own service account, against a real API server over TLS: the time from the "
        "start of the process to its end, and the time of the pass alone. Each broken task costs three requests, for "
        "a Workflow and for the count of tries on its Lease. The pass sends no requests to GitHub. It makes five "
        "lists, whatever the number of tasks. A page has 500 objects at most, and fewer if they are large; a page of "
        "state documents has 25."
    ),
    measure=measure,
)
