"""Reads the state of all tasks once. The number of lists does not depend on the number of tasks.

Guarantees that Leases are read first, before Workflows, pods and runs. This order prevents false findings. An object
that cannot be read does not affect the others. If Leases, Workflows or pods cannot be listed, the pass ends. If runs,
state documents or GitHub cannot be read, the rest is still judged, and `unread` names the missing part. Not guaranteed:
that the state is the same when it is repaired. Each repair reads it again under the task's Lease.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - part of a public dataclass
from dataclasses import dataclass, field, replace
from datetime import datetime  # noqa: TC003 - as above
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from steps.agents import live_runs
from steps.cancellation import REPAIR_LABEL, WORKFLOW_COMPLETED_LABEL, read_state_document, state_document_task
from steps.core import PREFIX, TASK, repository_label
from steps.kube import CONFIG_MAPS, LEASES, PODS, WORKFLOWS
from steps.observed_state import read_or_report, read_task_state, read_task_workflow
from steps.reconciliation.github_state import Branch, GitHubState, read_github

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from steps.agents import AgentRun
    from steps.cancellation import StateDocument
    from steps.domain import PullRequest, Push
    from steps.kube import Json
    from steps.observed_state import TaskState, TaskWorkflow
    from steps.reconciliation.context import ReconcileContext
    from steps.settings import ReconcileStepSettings

T = TypeVar("T")

# A state document may have a megabyte. A page of this size fits into the pod's memory.
_STATE_PAGE = 25
_MAX_NAME = 253
_ACTIVE = "status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSnapshot:
    """The state of all tasks at one time.

    Attributes:
        now: Time when the pass had read the Leases, by the API server's clock.
        task_states: The Leases of the tasks.
        busy: (task, repository label) of each Workflow that has not ended; the label is empty if it is missing.
        workflows: These Workflows.
        repairs: Number of these Workflows that are repairs.
        pods: (name, uid) of each pod in the workflows' namespace that has not ended.
        runs: Unfinished runs with their tasks.
        runs_known: Whether `runs` is complete.
        run_uids: Uids of all runs that exist, including the finished ones.
        documents: The state documents.
        pushes: The newest push of each task that GitHub knows.
        pulls: The open pull requests of repositories with a push whose labels may be due, by branch.
        unread: The objects that could not be read, with the error and the fix.
    """

    now: datetime
    task_states: tuple[TaskState, ...] = ()
    busy: frozenset[tuple[str, str]] = frozenset()
    workflows: tuple[TaskWorkflow, ...] = ()
    repairs: int = 0
    pods: frozenset[tuple[str, str]] = frozenset()
    runs: tuple[tuple[str, AgentRun], ...] = ()
    runs_known: bool = True
    run_uids: frozenset[str] = frozenset()
    documents: tuple[StateDocument, ...] = ()
    pushes: tuple[Push, ...] = ()
    pulls: Mapping[Branch, tuple[PullRequest, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    def is_busy(self, task: str, repository: str) -> bool:
        """Whether a Workflow of the task has not ended.

        One without a repository label may belong to any repository. So may a Lease without a record.
        """
        if not repository:
            return any(each == task for each, _ in self.busy)
        return not self.busy.isdisjoint({(task, ""), (task, repository_label(repository))})


def take_snapshot(context: ReconcileContext) -> ClusterSnapshot:
    """Read the state of all tasks.

    Args:
        context: The process.

    Raises:
        StepError: Leases, Workflows or pods cannot be read.
    """
    settings, kube = context.settings, context.clients.kube
    home = settings.namespaces.workflows
    selector = f"app.kubernetes.io/managed-by={PREFIX}"
    unread: list[str] = []
    leases = kube.list(LEASES, namespace=home, labels=selector)
    task_states = tuple(_parse_all(leases, read_task_state, kind="Lease", unread=unread))
    now = context.now()
    waiting = f"{TASK},{WORKFLOW_COMPLETED_LABEL}!=true"
    metadata = [each["metadata"] for each in kube.list(WORKFLOWS, namespace=home, labels=waiting, metadata_only=True)]
    workflows = tuple(map(read_task_workflow, metadata))
    pods = tuple(kube.list(PODS, namespace=home, fields=_ACTIVE, metadata_only=True))
    unread_runs: list[str] = []
    unreadable = partial(_report_unreadable, kind="agent run", unread=unread_runs)
    run_uids: set[str] = set()
    listed: list[tuple[str, AgentRun]] = []
    for namespace in settings.namespaces.agents:
        # Each by itself: a namespace that cannot be read does not hide the runs of the others.
        listed += read_or_report(
            partial(
                live_runs,
                settings.agents,
                kube=kube,
                namespace=namespace,
                patterns=settings.tasks,
                hosts=settings.github.hosts_of_git,
                unreadable=unreadable,
                seen=run_uids.add,
            ),
            unread=unread_runs,
        )
    runs = tuple((task, _under_policy(run, settings=settings)) for task, run in listed)
    runs_known = not unread_runs
    unread += unread_runs
    documents = read_or_report(lambda: _documents(context, unread=unread), unread=unread)
    github = GitHubState()
    if settings.reconcile.ask_github:
        github = read_github(runs, task_states, now=now, context=context, unread=unread)
    return ClusterSnapshot(
        now=now,
        task_states=task_states,
        busy=frozenset((each.task, each.repository_label) for each in workflows),
        workflows=workflows,
        repairs=sum(REPAIR_LABEL in (each.get("labels") or {}) for each in metadata),
        pods=frozenset((pod["metadata"]["name"], pod["metadata"]["uid"]) for pod in pods),
        runs=runs,
        runs_known=runs_known,
        run_uids=frozenset(run_uids),
        documents=documents,
        pushes=github.pushes,
        pulls=github.pulls,
        unread=tuple(unread),
    )


def _under_policy(run: AgentRun, *, settings: ReconcileStepSettings) -> AgentRun:
    """Return a run with the policy of its repository."""
    policy = settings.policy_of(run.facts.repository)
    return replace(run, kind=policy.kind_over(run.kind)) if policy else run


def _report_unreadable(obj: Json, error: Exception, *, kind: str, unread: list[str]) -> None:
    """Report an object that cannot be read. Only its name is shown, because its text may contain any data."""
    name = str((obj.get("metadata") or {}).get("name", "without a name"))[:_MAX_NAME]
    unread.append(f"{kind} {name}: cannot be read ({type(error).__name__}): correct or delete it")


def _parse_all(objects: Iterable[Json], read: Callable[[Json], T], *, kind: str, unread: list[str]) -> Iterator[T]:
    """Parse each object. An object that cannot be parsed is reported and does not affect the others."""
    for obj in objects:
        try:
            found = read(obj)
        except Exception as error:  # noqa: BLE001 - a person or another client may have written any data
            _report_unreadable(obj, error, kind=kind, unread=unread)
        else:
            yield found


def _documents(context: ReconcileContext, *, unread: list[str]) -> Iterator[StateDocument]:
    settings, namespace = context.settings.state, context.settings.namespaces.documents
    if not settings.config_map:
        return

    def read(stored: Json) -> StateDocument | None:
        name, data = stored["metadata"]["name"], stored.get("data") or {}
        task = state_document_task(name, settings=settings)
        return (
            read_state_document(name, task=task, data=data, key=settings.key) if task and settings.key in data else None
        )

    stored = context.clients.kube.list(CONFIG_MAPS, namespace=namespace, page=_STATE_PAGE)
    yield from filter(None, _parse_all(stored, read, kind="ConfigMap", unread=unread))
