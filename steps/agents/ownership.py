"""Looks at what a task's runs own, before any of them is stopped.

Guarantees that nothing is listed unless a run is to be stopped, and that each resource is listed once in each namespace
of agents. Pods are listed
only if one of them is an owner. Not covered: ownership through a resource that the settings do not name (`owns`), and a
run that is created while the others are being stopped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.agents.agent_run import kind_resource
from steps.agents.decisions import ALONE, RunDecisions, Surroundings, decide_all, find_foreign_runs
from steps.agents.dependents import list_objects, owned_resources
from steps.agents.owned_object import PodSelector, within_namespaces
from steps.agents.owned_resources import OwnedResources
from steps.domain import namespaced_name
from steps.kube import PODS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from steps.agents.agent_run import AgentRun
    from steps.agents.owned_object import OwnedObject
    from steps.domain import Agent, Record
    from steps.kube import Kube
    from steps.settings import RunKind, StepSettings


def look_around(
    runs: Collection[AgentRun], *, plurals: Collection[str], settings: StepSettings, kube: Kube
) -> Surroundings:
    """List what runs may own.

    Args:
        runs: All runs of the task.
        plurals: The plural names of the kinds of the runs that are to be stopped. Empty: nothing is listed.
        settings: The settings for the task's repository.
        kube: The API server.
    """
    if not plurals:
        return ALONE
    namespaces = settings.namespaces.agents
    objects = list_objects(owned_resources(settings.agents, plurals=plurals), kube=kube, namespaces=namespaces)
    # Agents start runs from their pods, and a pod may then be the owner. Otherwise, this list is not needed yet, unless
    # pods are runs: one of another task may have a run of this task for an owner.
    owners = [owner for each in objects for owner in each.owners] + [owner for run in runs for owner in run.owners]
    if any(owner.is_pod for owner in owners) or any(kind_resource(kind) == PODS for kind in settings.agents):
        objects += list_objects([PODS], kube=kube, namespaces=namespaces)
    foreign = find_foreign_runs(objects, kinds=settings.agents, runs=runs)
    return Surroundings(objects=tuple(objects), foreign=foreign)


def decide_runs(runs: Iterable[AgentRun], *, record: Record, settings: StepSettings, kube: Kube) -> RunDecisions:
    """Judge all runs of a task by a record, and by what they own, which is listed here.

    Args:
        runs: All runs of the task.
        record: The record.
        settings: The settings for the task's repository.
        kube: The API server.
    """
    judged = decide_all(runs, record=record)
    plurals = {run.kind.plural for run in judged.stale}
    around = look_around(judged.runs, plurals=plurals, settings=settings, kube=kube)
    return decide_all(judged.runs, record=record, around=around)


def owned_by_stopping_runs(
    record: Record, *, judged: RunDecisions, around: Surroundings, kinds: Collection[RunKind]
) -> OwnedResources:
    """Find what the runs own that are being stopped, including runs that an earlier attempt deleted before a crash.

    Args:
        record: The record.
        judged: The decisions about the task's runs.
        around: The objects around the runs.
        kinds: The kinds of the settings.
    """
    unproven = [agent for agent in record.agents if agent.unproven]
    owned = OwnedResources(
        run_uids=frozenset(agent.uid for agent in unproven),
        names=frozenset(agent.job_key for agent in unproven if agent.job),
        settled=_settled(unproven, runs=judged.runs),
        recorded=_recorded(unproven),
        selectors=tuple(selector for agent in unproven for selector in _selectors(agent, kinds=kinds)),
        run_kinds=frozenset((kind.group, kind.plural) for kind in kinds),
    )
    objects = [*around.objects, *(run.as_object() for run in judged.runs)]
    return with_runs(owned, judged=judged, foreign=around.foreign).with_objects(
        within_namespaces(objects, known=homes_of(unproven))
    )


def homes_of(agents: Iterable[Agent]) -> dict[str, str]:
    """Return the namespaces of runs that may be gone, by uid."""
    return {agent.uid: agent.namespace for agent in agents if agent.namespace}


def with_runs(owned: OwnedResources, *, judged: RunDecisions, foreign: Iterable[OwnedObject] = ()) -> OwnedResources:
    """Add the runs that are not being stopped. A stale run that has finished may go with a run that owns it.

    Args:
        owned: What is known to belong to the runs that are being stopped.
        judged: The decisions about the task's runs.
        foreign: The runs of other tasks.
    """
    finished = {agent.uid for agent in judged.kept} - judged.protected
    namesakes = {(kind_resource(run.kind), run.key): run for run in judged.runs if run.uid not in owned.run_uids}

    def bounded(selector: PodSelector) -> PodSelector:
        run = namesakes.get((selector.resource, namespaced_name(selector.namespace, selector.run_name)))
        return replace(selector, created_before=run.facts.created_at) if run else selector

    uids = {run.uid for run in judged.runs}
    spared = (uids - finished) | {each.uid for each in foreign}
    # A run that has ended does not work in the Job of its name any more. It may be another run's by now.
    names = {run.job_key for run in judged.runs if run.uid in spared - owned.run_uids and not run.ended}
    return replace(
        owned.with_others(uids).with_spared(spared, names=names), selectors=tuple(map(bounded, owned.selectors))
    )


def with_owned(record: Record, owned: OwnedResources) -> Record:
    """Note in the record what each run owns, so that a further attempt recognises what is left of it."""

    def noted(agent: Agent) -> Agent:
        if not agent.unproven:
            return agent
        known = owned.only({agent.uid}, names={agent.job_key})
        uids = known.objects.keys() | known.recorded.keys()
        return replace(agent, owned=tuple(sorted(uids)) or None)

    return record.with_agents(tuple(map(noted, record.agents)))


def _settled(agents: Iterable[Agent], *, runs: Iterable[AgentRun]) -> frozenset[str]:
    """Find the Jobs' names under which no Job is looked for: what the runs own is known by its uid.

    The run is itself the Job, or was deleted by an earlier attempt, which noted what it owned.
    """
    known = {run.uid: run for run in runs}

    def is_settled(agent: Agent) -> bool:
        run = known.get(agent.uid)
        return agent.names_itself or (agent.owned is not None and (run is None or run.facts.deleting))

    found = {settled: {each.job_key for each in agents if is_settled(each) is settled} for settled in (True, False)}
    return frozenset(found[True] - found[False])


def _recorded(agents: Iterable[Agent]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for agent in agents:
        for uid in agent.owned or ():
            found[uid] = found.get(uid, frozenset()) | {agent.uid}
    return found


def _selectors(agent: Agent, *, kinds: Collection[RunKind]) -> list[PodSelector]:
    return [
        PodSelector(
            run_uid=agent.uid,
            run_name=agent.name,
            resource=kind_resource(kind),
            namespace=agent.namespace or "",
            labels={
                key: value.replace("{name}", agent.name).replace("{uid}", agent.uid)
                for key, value in kind.pod_selector.items()
            },
        )
        for kind in kinds
        if kind.plural == agent.kind and kind.pod_selector
    ]
