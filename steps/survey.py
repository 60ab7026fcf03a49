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

from steps.activity import newest_pushes
from steps.document import read_document, task_of
from steps.errors import StepError, TerminatedError
from steps.hold import PREFIX, REPOSITORY, TASK
from steps.kube import CONFIG_MAPS, LEASES, PODS, WORKFLOWS
from steps.ledger import read_ledger
from steps.push import Repository
from steps.runs import live_runs
from steps.workflow import COMPLETED, REPAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from steps.document import Document
    from steps.ledger import Ledger
    from steps.push import Push
    from steps.runs import Run
    from steps.sweep import Sweep

T = TypeVar("T")

# A state document may be as large as a megabyte: this many at a time fit into the pod's memory.
_STATE_PAGE = 25
_ACTIVE = "status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
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
    ledgers: tuple[Ledger, ...] = ()
    busy: frozenset[tuple[str, str]] = frozenset()
    repairs: int = 0
    pods: frozenset[tuple[str, str]] = frozenset()
    runs: tuple[tuple[str, Run], ...] = ()
    runs_known: bool = True
    documents: tuple[Document, ...] = ()
    pushes: tuple[Push, ...] = ()
    unread: tuple[str, ...] = ()


def survey(sweep: Sweep) -> Survey:
    """Look at everything.

    Raises:
        StepError: Leases, Workflows or pods can't be read.
    """
    settings, kube, now = sweep.settings, sweep.kube, sweep.now()
    home, agents = settings.namespaces.workflows, settings.namespaces.agents
    selector = f"app.kubernetes.io/managed-by={PREFIX}"
    ledgers = tuple(read_ledger(body) for body in kube.list(LEASES, namespace=home, labels=selector))
    waiting = f"{TASK},{COMPLETED}!=true"
    workflows = [
        workflow["metadata"].get("labels") or {}
        for workflow in kube.list(WORKFLOWS, namespace=home, labels=waiting, metadata_only=True)
    ]
    pods = tuple(kube.list(PODS, namespace=home, fields=_ACTIVE, metadata_only=True))
    unread: list[str] = []
    runs = _tolerantly(lambda: live_runs(settings.agents, kube=kube, namespace=agents), unread=unread)
    runs_known = not unread
    documents = _tolerantly(lambda: _documents(sweep), unread=unread)
    pushes = tuple(_pushes(runs, sweep=sweep, now=now, unread=unread)) if settings.reconcile.ask_github else ()
    return Survey(
        now=now,
        ledgers=ledgers,
        busy=frozenset((labels[TASK], labels.get(REPOSITORY, "")) for labels in workflows),
        repairs=sum(REPAIR in labels for labels in workflows),
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


def _documents(sweep: Sweep) -> Iterator[Document]:
    rules, namespace = sweep.settings.state, sweep.settings.namespaces.agents
    for stored in sweep.kube.list(CONFIG_MAPS, namespace=namespace, page=_STATE_PAGE):
        name, data = stored["metadata"]["name"], stored.get("data") or {}
        if (task := task_of(name, rules=rules)) and rules.key in data:
            yield read_document(name, task=task, data=data, key=rules.key)


def _pushes(runs: tuple[tuple[str, Run], ...], *, sweep: Sweep, now: datetime, unread: list[str]) -> Iterator[Push]:
    """Ask GitHub once for each repository in which agents have been working for long enough to have missed a push."""
    settings = sweep.settings
    before = now - timedelta(seconds=settings.reconcile.lost_after_s)
    working = {run.facts.repository.casefold() for _, run in runs if run.facts.created_at <= before}
    repositories = [Repository(name) for name in settings.events.repositories if name.casefold() in working]
    if not repositories:
        return
    try:
        # A pass has half a minute: rate limits are waited for by the next one.
        github = sweep.github(lambda: None)
    except StepError as error:
        unread.append(str(error))
        return
    for repository in repositories:
        activities = _tolerantly(partial(github.activity, repository=repository), unread=unread)
        yield from newest_pushes(
            activities, repository=repository, senders=settings.events.senders, rules=settings.push
        )
