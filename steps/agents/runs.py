"""Finds the agent runs of a task, and those of all tasks.

Guarantees that it writes nothing. The settings define the kinds of runs (`agents`) and the branches that are tasks
(`tasks`). If the task of a kind is a label, the API server selects the runs that have it. Otherwise, all objects of the
kind are listed and filtered here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.agents.agent_run import AgentRun, kind_resource, parse_run, run_task
from steps.kube import label_key, read_field

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from steps.domain import TaskId
    from steps.kube import Json, Kube
    from steps.runtime import StepContext
    from steps.settings import RunKind, TaskPattern


def list_runs(
    kinds: Iterable[RunKind],
    *,
    kube: Kube,
    namespace: str,
    task: TaskId,
    patterns: Sequence[TaskPattern],
    hosts: Collection[str],
) -> Iterator[AgentRun]:
    """List all runs of a task in one namespace, of all kinds and repositories.

    Raises:
        BadInputError: The API server does not serve a kind: its CRD is not installed.
    """
    for kind in kinds:
        for obj in kube.list(kind_resource(kind), namespace=namespace, labels=_task_selector(kind, task=task)):
            if run_task(obj, kind=kind, patterns=patterns) == task:
                yield parse_run(obj, kind=kind, hosts=hosts)


def _task_selector(kind: RunKind, *, task: TaskId) -> str:
    """Select as many of the task's runs as the API server can tell apart.

    A number is spelled in one way only. Any other id may differ in case, or stand for a text that no label can have.
    """
    key = label_key(kind.task)
    if not key or kind.branch:
        return _selector(kind.selector)
    if task.isdecimal() and not kind.task_prefix:
        return _selector(kind.selector | {key: str(task)})
    return ",".join(filter(None, (_selector(kind.selector), key)))


def live_runs(
    kinds: Iterable[RunKind],
    *,
    kube: Kube,
    namespace: str,
    patterns: Sequence[TaskPattern],
    hosts: Collection[str],
    unreadable: Callable[[Json, Exception], None],
    seen: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[str, AgentRun]]:
    """List the unfinished runs of all tasks in one namespace, with the task of each: one list request for each kind.

    Args:
        kinds: The kinds of runs.
        kube: The API server.
        namespace: A namespace of agents.
        patterns: The branches that are tasks.
        hosts: The hosts of GitHub.
        unreadable: Called with each object that cannot be read as a run, and the error. The other objects are still
            read.
        seen: Called with the uid of each object, whether or not it has finished.

    Raises:
        BadInputError: The API server does not serve a kind: its CRD is not installed.
    """
    for kind in kinds:
        key = label_key(kind.task)
        labels = ",".join(filter(None, (_selector(kind.selector), "" if kind.branch else key)))
        for obj in kube.list(kind_resource(kind), namespace=namespace, labels=labels):
            seen(str((obj.get("metadata") or {}).get("uid", "")))
            task = run_task(obj, kind=kind, patterns=patterns)
            if task and read_field(obj, kind.phase) not in kind.finished:
                try:
                    run = parse_run(obj, kind=kind, hosts=hosts)
                except (KeyError, TypeError, ValueError) as error:
                    unreadable(obj, error)
                else:
                    yield task, run


def _selector(wanted: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(wanted.items()))


def task_runs(context: StepContext) -> tuple[AgentRun, ...]:
    """List all runs of the step's task, in all namespaces of agents."""
    settings = context.settings
    return tuple(
        run
        for namespace in settings.namespaces.agents
        for run in list_runs(
            settings.agents,
            kube=context.clients.kube,
            namespace=namespace,
            task=context.push.task,
            patterns=settings.tasks,
            hosts=settings.github.hosts_of_git,
        )
    )
