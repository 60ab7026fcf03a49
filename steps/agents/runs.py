"""Finds the agent runs of a task, and those of all tasks.

Guarantees that it writes nothing. The settings define the kinds of runs (`agents`) and the branches that are tasks
(`tasks`). If the task of a kind is a label, the API server selects the runs that have it. Otherwise, all objects of the
kind are listed and filtered here. A Job or pod that another unfinished run of the task manages, directly or through
objects of `agents.owns`, is a part of that run, and not a run itself, even if it has the labels of one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.agents.agent_run import kind_resource, parse_run, run_task
from steps.agents.dependents import list_objects, owned_resources
from steps.domain import find_owners
from steps.kube import JOBS, PODS, label_key, read_state

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from steps.agents.agent_run import AgentRun
    from steps.agents.owned_object import OwnedObject
    from steps.domain import TaskId
    from steps.kube import Json, Kube
    from steps.runtime import StepContext
    from steps.settings import RunKind, StepSettings, TaskPattern


def list_runs(
    kinds: Iterable[RunKind],
    *,
    kube: Kube,
    namespace: str,
    task: TaskId,
    patterns: Sequence[TaskPattern],
    hosts: Collection[str],
) -> list[AgentRun]:
    """List all runs of a task in one namespace, of all kinds and repositories. Raises BadInputError as `live_runs`."""
    known = tuple(kinds)
    found = [
        parse_run(obj, kind=kind, hosts=hosts)
        for kind in known
        for obj in kube.list(kind_resource(kind), namespace=namespace, labels=_task_selector(kind, task=task))
        if run_task(obj, kind=kind, patterns=patterns) == task
    ]
    return without_parts(found, between=_list_between(found, kinds=known, kube=kube, namespace=namespace))


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
        unreadable: Called with each object that cannot be read as a run, and the error. The others are still read.
        seen: Called with the uid of each object, whether or not it has finished.

    Raises:
        BadInputError: The API server does not serve a kind: its CRD is not installed.
    """
    known = tuple(kinds)
    found: dict[str, list[AgentRun]] = defaultdict(list)
    for kind in known:
        key = label_key(kind.task)
        labels = ",".join(filter(None, (_selector(kind.selector), "" if kind.branch else key)))
        for obj in kube.list(kind_resource(kind), namespace=namespace, labels=labels):
            seen(str((obj.get("metadata") or {}).get("uid", "")))
            task = run_task(obj, kind=kind, patterns=patterns)
            if task and read_state(obj, kind.phase) not in kind.finished:
                try:
                    run = parse_run(obj, kind=kind, hosts=hosts)
                except (KeyError, TypeError, ValueError) as error:
                    unreadable(obj, error)
                else:
                    found[task].append(run)
    listed = [run for runs in found.values() for run in runs]
    between = _list_between(listed, kinds=known, kube=kube, namespace=namespace)
    for name, runs in found.items():
        yield from ((name, run) for run in without_parts(runs, between=between))


def _selector(wanted: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(wanted.items()))


def task_runs(context: StepContext, *, namespaces: Collection[str] = ()) -> tuple[AgentRun, ...]:
    """List all runs of the step's task, in these namespaces or in all namespaces of agents."""
    kube = context.clients.kube
    return runs_of_task(context.push.task, settings=context.settings, kube=kube, namespaces=namespaces)


def runs_of_task(
    task: TaskId, *, settings: StepSettings, kube: Kube, namespaces: Collection[str] = ()
) -> tuple[AgentRun, ...]:
    """List all runs of a task, in these namespaces or in all namespaces of agents.

    Args:
        task: The task.
        settings: The settings for its repository.
        kube: The API server.
        namespaces: Empty for all.
    """
    return tuple(
        run
        for namespace in namespaces or settings.namespaces.agents
        for run in list_runs(
            settings.agents,
            kube=kube,
            namespace=namespace,
            task=task,
            patterns=settings.tasks,
            hosts=settings.github.hosts_of_git,
        )
    )


def _list_between(
    runs: Collection[AgentRun], *, kinds: Iterable[RunKind], kube: Kube, namespace: str
) -> list[OwnedObject]:
    """List what may lie between a run and a Job or pod that looks like a run; nothing if no run is one."""
    resources, uids = owned_resources(kinds, plurals=()), {run.uid for run in runs}
    controllers = {
        (owner.group, plural)
        for run in runs
        for owner in run.owners
        if kind_resource(run.kind) in (JOBS, PODS) and owner.controller and owner.uid not in uids
        for plural in owner.plurals
    }
    if controllers.isdisjoint((each.group, each.plural) for each in resources):
        return []
    listed = list_objects(resources, kube=kube, namespaces=[namespace])
    return [each for each in listed if each.uid not in uids]


def without_parts(runs: Sequence[AgentRun], *, between: Collection[OwnedObject] = ()) -> list[AgentRun]:
    """Return the runs that are not part of another one, each with its parts.

    Templates and controllers copy the labels of a run to its Job and pods, so that these match a kind of run as well.
    Judged by themselves, a Job of a kept run would be stopped, and a pod that replaces a lost one would protect a stale
    run. A run whose owner is not its controller is not a part: agents start and own further runs.

    Args:
        runs: Runs of one task in one namespace.
        between: Objects that are not runs, and through which a run may manage a Job or pod, as Tekton does by TaskRuns.
    """
    uids = {run.uid for run in runs}
    managers = _managers(runs, between=between)
    parts: dict[str, set[str]] = defaultdict(set)
    for uid in managers.keys() & uids:
        # The run at the end of the chain. There is none if objects manage each other.
        for whole in uids & find_owners([uid], owners=managers) - managers.keys():
            parts[whole].add(uid)
    left = set().union(*parts.values())
    return [replace(run, parts=frozenset(parts[run.uid])) for run in runs if run.uid not in left]


def _managers(runs: Sequence[AgentRun], *, between: Collection[OwnedObject]) -> dict[str, tuple[str]]:
    """Return the uid of what manages each object: as its controller, or by naming the Job.

    A Job or pod that a person has marked is left out. It is judged by itself, so that it keeps its run as well.
    """
    live = [run for run in runs if not run.ended]
    uids = {run.uid for run in live} | {each.uid for each in between}
    names = {run.job: run.uid for run in live if run.job and kind_resource(run.kind) != JOBS}
    labelled = [run for run in runs if kind_resource(run.kind) in (JOBS, PODS) and not run.facts.keep]
    found: dict[str, tuple[str]] = {}
    for each in (*between, *(run.as_object() for run in labelled)):
        managers = [owner.uid for owner in each.owners if owner.controller and owner.uid in uids]
        if each.resource == JOBS and each.name in names:
            managers.append(names[each.name])
        if managers:
            found[each.uid] = (managers[0],)
    return found
