"""Reads the state of all tasks once. The number of lists does not depend on the number of tasks.

Guarantees that Leases are read first, before Workflows, pods and runs. This order prevents false findings. An object
that cannot be read does not affect the others. If Leases, Workflows or pods cannot be listed, the pass ends. If runs,
state documents or GitHub cannot be read, the rest is still judged, and `unread` names the missing part. Not guaranteed:
that the state is the same when it is repaired. Each repair reads it again under the task's Lease.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from steps.agents import live_runs
from steps.cancellation import REPAIR_LABEL, WORKFLOW_COMPLETED_LABEL, read_state_document, state_document_task
from steps.core import PREFIX, REPOSITORY, TASK, StepError, TerminatedError
from steps.domain import Repository
from steps.kube import CONFIG_MAPS, LEASES, PODS, WORKFLOWS
from steps.reconciliation.lost_pushes import newest_pushes
from steps.reconciliation.task_state import read_task_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from steps.agents import AgentRun
    from steps.cancellation import StateDocument
    from steps.domain import Push
    from steps.kube import Json
    from steps.reconciliation.context import ReconcileContext
    from steps.reconciliation.task_state import TaskState

T = TypeVar("T")

# A state document may have a megabyte. A page of this size fits into the pod's memory.
_STATE_PAGE = 25
_MAX_NAME = 253
_ACTIVE = "status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSnapshot:
    """The state of all tasks at one time.

    Attributes:
        now: Time when the pass began to read, by the API server's clock.
        task_states: The Leases of the tasks.
        busy: (task, repository label) of each Workflow that has not ended; the label is empty if it is missing.
        repairs: Number of these Workflows that are repairs.
        pods: (name, uid) of each pod in the workflows' namespace that has not ended.
        runs: Unfinished runs with their tasks.
        runs_known: Whether `runs` is complete.
        run_uids: Uids of all runs that exist, including the finished ones.
        documents: The state documents.
        pushes: The newest push of each task that GitHub knows.
        unread: The objects that could not be read, with the error and the fix.
    """

    now: datetime
    task_states: tuple[TaskState, ...] = ()
    busy: frozenset[tuple[str, str]] = frozenset()
    repairs: int = 0
    pods: frozenset[tuple[str, str]] = frozenset()
    runs: tuple[tuple[str, AgentRun], ...] = ()
    runs_known: bool = True
    run_uids: frozenset[str] = frozenset()
    documents: tuple[StateDocument, ...] = ()
    pushes: tuple[Push, ...] = ()
    unread: tuple[str, ...] = ()


def take_snapshot(context: ReconcileContext) -> ClusterSnapshot:
    """Read the state of all tasks.

    Args:
        context: The process.

    Raises:
        StepError: Leases, Workflows or pods cannot be read.
    """
    settings, kube, now = context.settings, context.clients.kube, context.now()
    home, agents = settings.namespaces.workflows, settings.namespaces.agents
    selector = f"app.kubernetes.io/managed-by={PREFIX}"
    unread: list[str] = []
    leases = kube.list(LEASES, namespace=home, labels=selector)
    task_states = tuple(_parse_all(leases, read_task_state, kind="Lease", unread=unread))
    waiting = f"{TASK},{WORKFLOW_COMPLETED_LABEL}!=true"
    workflows = [
        workflow["metadata"].get("labels") or {}
        for workflow in kube.list(WORKFLOWS, namespace=home, labels=waiting, metadata_only=True)
    ]
    pods = tuple(kube.list(PODS, namespace=home, fields=_ACTIVE, metadata_only=True))
    unread_runs: list[str] = []
    unreadable = partial(_report_unreadable, kind="agent run", unread=unread_runs)
    run_uids: set[str] = set()
    runs = _read_or_report(
        lambda: live_runs(settings.agents, kube=kube, namespace=agents, unreadable=unreadable, seen=run_uids.add),
        unread=unread_runs,
    )
    runs_known = not unread_runs
    unread += unread_runs
    documents = _read_or_report(lambda: _documents(context, unread=unread), unread=unread)
    pushes = tuple(_pushes(runs, context=context, now=now, unread=unread)) if settings.reconcile.ask_github else ()
    return ClusterSnapshot(
        now=now,
        task_states=task_states,
        busy=frozenset((labels[TASK], labels.get(REPOSITORY, "")) for labels in workflows),
        repairs=sum(REPAIR_LABEL in labels for labels in workflows),
        pods=frozenset((pod["metadata"]["name"], pod["metadata"]["uid"]) for pod in pods),
        runs=runs,
        runs_known=runs_known,
        run_uids=frozenset(run_uids),
        documents=documents,
        pushes=pushes,
        unread=tuple(unread),
    )


def _read_or_report(read: Callable[[], Iterable[T]], *, unread: list[str]) -> tuple[T, ...]:
    """Return all items. If they cannot be read, report the error and return none."""
    try:
        return tuple(read())
    except TerminatedError:
        raise
    except StepError as error:
        unread.append(str(error))
        return ()


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
    settings, namespace = context.settings.state, context.settings.namespaces.agents

    def read(stored: Json) -> StateDocument | None:
        name, data = stored["metadata"]["name"], stored.get("data") or {}
        task = state_document_task(name, settings=settings)
        return (
            read_state_document(name, task=task, data=data, key=settings.key) if task and settings.key in data else None
        )

    stored = context.clients.kube.list(CONFIG_MAPS, namespace=namespace, page=_STATE_PAGE)
    yield from filter(None, _parse_all(stored, read, kind="ConfigMap", unread=unread))


def _pushes(
    runs: tuple[tuple[str, AgentRun], ...], *, context: ReconcileContext, now: datetime, unread: list[str]
) -> Iterator[Push]:
    """Ask GitHub once for each repository with agents that are old enough to have missed a push."""
    settings = context.settings
    before = now - timedelta(seconds=settings.reconcile.lost_after_s)
    working = {run.facts.repository.casefold() for _, run in runs if run.facts.created_at <= before}
    repositories = [Repository(name) for name in settings.events.repositories if name.casefold() in working]
    if not repositories:
        return
    try:
        # A pass has half a minute, so it does not wait for the end of a rate limit. The next pass tries again.
        github = context.clients.github(lambda: None)
    except StepError as error:
        unread.append(str(error))
        return
    for repository in repositories:
        activities = _read_or_report(partial(github.activity, repository=repository), unread=unread)
        yield from newest_pushes(
            activities, repository=repository, senders=settings.events.senders, settings=settings.push
        )
