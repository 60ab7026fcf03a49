"""Everything that reconcile looks at, read once: a fixed number of lists, however many tasks there are.

Guarantees the order that keeps a pass from crying wolf: Leases are read first, so whatever they say was still true when
the Workflows, pods and runs of the same moment or later were read. What can't be read of one object is said of that
object alone. Without Leases, Workflows or pods nothing can be judged and the pass ends; without runs, state documents
or GitHub the rest is still judged, and `unread` says what was not. Does not guarantee that anything is still so when it
is repaired: every repair looks again under the task's Lease.
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

# A state document may be as large as a megabyte: this many at a time fit into the pod's memory.
_STATE_PAGE = 25
_MAX_NAME = 253
_ACTIVE = "status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSnapshot:
    """One look at everything.

    Attributes:
        now: When it began, by the API server's clock.
        busy: (task, repository label) of each Workflow that has not ended; the label is empty where it doesn't say.
        repairs: How many of these are repairs.
        pods: (name, uid) of each pod in the workflows' namespace that has not ended.
        runs: Unfinished runs with their tasks.
        runs_known: Whether these are all of them.
        pushes: The newest push of each task that GitHub knows of.
        unread: What could not be read, and what to do about it.
    """

    now: datetime
    task_states: tuple[TaskState, ...] = ()
    busy: frozenset[tuple[str, str]] = frozenset()
    repairs: int = 0
    pods: frozenset[tuple[str, str]] = frozenset()
    runs: tuple[tuple[str, AgentRun], ...] = ()
    runs_known: bool = True
    documents: tuple[StateDocument, ...] = ()
    pushes: tuple[Push, ...] = ()
    unread: tuple[str, ...] = ()


def take_snapshot(context: ReconcileContext) -> ClusterSnapshot:
    """Look at everything.

    Raises:
        StepError: Leases, Workflows or pods can't be read.
    """
    settings, kube, now = context.settings, context.clients.kube, context.now()
    home, agents = settings.namespaces.workflows, settings.namespaces.agents
    selector = f"app.kubernetes.io/managed-by={PREFIX}"
    unread: list[str] = []
    leases = kube.list(LEASES, namespace=home, labels=selector)
    task_states = tuple(_readable(leases, read_task_state, kind="Lease", unread=unread))
    waiting = f"{TASK},{WORKFLOW_COMPLETED_LABEL}!=true"
    workflows = [
        workflow["metadata"].get("labels") or {}
        for workflow in kube.list(WORKFLOWS, namespace=home, labels=waiting, metadata_only=True)
    ]
    pods = tuple(kube.list(PODS, namespace=home, fields=_ACTIVE, metadata_only=True))
    unread_runs: list[str] = []
    odd_run = partial(_report, kind="agent run", unread=unread_runs)
    runs = _tolerantly(
        lambda: live_runs(settings.agents, kube=kube, namespace=agents, unreadable=odd_run), unread=unread_runs
    )
    runs_known = not unread_runs
    unread += unread_runs
    documents = _tolerantly(lambda: _documents(context, unread=unread), unread=unread)
    pushes = tuple(_pushes(runs, context=context, now=now, unread=unread)) if settings.reconcile.ask_github else ()
    return ClusterSnapshot(
        now=now,
        task_states=task_states,
        busy=frozenset((labels[TASK], labels.get(REPOSITORY, "")) for labels in workflows),
        repairs=sum(REPAIR_LABEL in labels for labels in workflows),
        pods=frozenset((pod["metadata"]["name"], pod["metadata"]["uid"]) for pod in pods),
        runs=runs,
        runs_known=runs_known,
        documents=documents,
        pushes=pushes,
        unread=tuple(unread),
    )


def _tolerantly(read: Callable[[], Iterable[T]], *, unread: list[str]) -> tuple[T, ...]:
    """What could be read; nothing, and why, if it could not."""
    try:
        return tuple(read())
    except TerminatedError:
        raise
    except StepError as error:
        unread.append(str(error))
        return ()


def _report(obj: Json, error: Exception, *, kind: str, unread: list[str]) -> None:
    """Note an object that cannot be read; its own text could quote anything, so only its name is shown."""
    name = str((obj.get("metadata") or {}).get("name", "without a name"))[:_MAX_NAME]
    unread.append(f"{kind} {name}: cannot be read ({type(error).__name__}): correct or delete it")


def _readable(objects: Iterable[Json], read: Callable[[Json], T], *, kind: str, unread: list[str]) -> Iterator[T]:
    """What can be read of each object; one that is odd keeps no other from being read."""
    for obj in objects:
        try:
            found = read(obj)
        except Exception as error:  # noqa: BLE001 - whatever a person or a program wrote there
            _report(obj, error, kind=kind, unread=unread)
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
    yield from filter(None, _readable(stored, read, kind="ConfigMap", unread=unread))


def _pushes(
    runs: tuple[tuple[str, AgentRun], ...], *, context: ReconcileContext, now: datetime, unread: list[str]
) -> Iterator[Push]:
    """Ask GitHub once for each repository in which agents have been working for long enough to have missed a push."""
    settings = context.settings
    before = now - timedelta(seconds=settings.reconcile.lost_after_s)
    working = {run.facts.repository.casefold() for _, run in runs if run.facts.created_at <= before}
    repositories = [Repository(name) for name in settings.events.repositories if name.casefold() in working]
    if not repositories:
        return
    try:
        # A pass has half a minute: rate limits are waited for by the next one.
        github = context.clients.github(lambda: None)
    except StepError as error:
        unread.append(str(error))
        return
    for repository in repositories:
        activities = _tolerantly(partial(github.activity, repository=repository), unread=unread)
        yield from newest_pushes(
            activities, repository=repository, senders=settings.events.senders, settings=settings.push
        )
