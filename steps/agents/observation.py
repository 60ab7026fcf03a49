"""One look at what is left of the runs that are being stopped.

Guarantees that a complete look lists the task's runs, everything that the runs may own, and the pods, in all namespaces
of agents. A run whose namespace the settings no longer name is never called gone. What may
be the work of a kept run is not attributed to a run that is being stopped. Not covered: a pod on an
unreachable node whose object is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from steps.agents.decisions import decide_all, find_foreign_runs
from steps.agents.dependents import has_ended, list_active_pods, list_objects, owned_resources, read_run
from steps.agents.owned_object import within_namespaces
from steps.agents.ownership import homes_of, with_runs
from steps.agents.runs import task_runs
from steps.domain import find_owned, find_owners
from steps.kube import JOBS, PODS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from steps.agents.agent_run import AgentRun
    from steps.agents.owned_object import OwnedObject
    from steps.agents.owned_resources import OwnedResources
    from steps.domain import Agent, Record
    from steps.runtime import StepContext

# A hundred agents, each with its reason, have to fit into one annotation.
MAX_REASON = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The objects that were found at one moment.

    Attributes:
        complete: Whether objects and pods were listed as well. Otherwise, no run is known to be gone.
        namespaces: The namespaces that were listed.
        objects: What belongs to the runs, without pods and without loose Jobs that have ended.
        loose: Uids of the Jobs among them that no run owns: a run's status names them, or they have lost their owner.
            The garbage collector does not delete them.
        at_work: Uids of the objects among them that have not ended although the run above them has: Jobs, and
            objects whose resource is that of a kind of run. Of any other object it is not known.
        inner: Those of them that are no Jobs, as runs, by uid.
        pods: Their active pods, and runs that are pods.
        protected: The name of a kept run, by the uid of each object that owns it.
        blocked: Why an object was not deleted, by its uid.
        due: Uids of the runs whose grace period is over.
    """

    runs: tuple[AgentRun, ...]
    owned: OwnedResources
    complete: bool
    namespaces: tuple[str, ...] = ()
    objects: tuple[OwnedObject, ...] = ()
    loose: frozenset[str] = frozenset()
    at_work: frozenset[str] = frozenset()
    inner: Mapping[str, AgentRun] = field(default_factory=dict)
    pods: tuple[OwnedObject, ...] = ()
    protected: Mapping[str, str] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    due: frozenset[str] = frozenset()

    def remains_of(self, agent: Agent) -> str:
        """Describe the remaining objects of one run; an empty text if it is gone. Needs a complete observation.

        A run that has ended still remains while its object is being removed, until its grace period is over.
        """
        if agent.namespace and self.namespaces and agent.namespace not in self.namespaces:
            advice = "add it again until this cancellation is finished"
            return f"its namespace {agent.namespace} is not in namespaces.agents any more: {advice}"[:MAX_REASON]
        own = self.owned.only({agent.uid}, names={agent.job_key})
        run = next((run for run in self.runs if run.uid == agent.uid), None)
        pods = [pod for pod in self.pods if own.has(pod) or pod.uid == agent.uid]
        refused = next((f"; pod {pod.name} {self.blocked[pod.uid]}" for pod in pods if pod.uid in self.blocked), "")
        objects = [each for each in self.objects if own.has(each)]
        held = next((each for each in (*objects, *pods) if each.finalizer_note), None)
        if run and not run.ended:
            # A run that waits for what it owns has a finalizer of the garbage collector.
            waits = f"; its {_named(held)} still exists{held.finalizer_note}" if held and run.being_removed else ""
            phase = run.facts.phase or "none"
            return f"its object still exists in phase {phase}{waits or run.finalizer_note}{refused}"[:MAX_REASON]
        if run and run.being_removed and run.uid not in self.due:
            return "its object is being removed"
        left = [each for each in objects if not run or each.uid in self.loose | self.at_work]
        if left:
            shown = next((each for each in left if each.uid in self.blocked), held if held in left else left[0])
            why = f": {self.blocked[shown.uid]}" if shown.uid in self.blocked else shown.finalizer_note
            state = "has not ended" if run and shown.uid in self.at_work else "still exists"
            return f"its {_named(shown)} {state}{why}"[:MAX_REASON]
        note = held.finalizer_note if held else ""
        return f"pods still run: {names_of(pods)}{refused or note}"[:MAX_REASON] if pods else ""


def observe(record: Record, *, owned: OwnedResources, context: StepContext, complete: bool) -> Observation:
    """List the runs. Once they are gone or a grace period is over, list what they own and the pods as well."""
    kube, namespaces = context.clients.kube, context.settings.namespaces.agents
    judged = decide_all(task_runs(context), record=record)
    runs = judged.runs
    if not complete and any(run.uid in owned.run_uids and not run.ended for run in runs):
        return Observation(runs=runs, owned=with_runs(owned, judged=judged), complete=False, namespaces=namespaces)
    plurals = {agent.kind for agent in record.agents if agent.unproven}
    listed = list_objects(owned_resources(context.settings.agents, plurals=plurals), kube=kube, namespaces=namespaces)
    active = list_active_pods(kube=kube, namespaces=namespaces)
    known = homes_of(record.agents)
    run_objects = [run.as_object() for run in runs]
    objects = within_namespaces(listed, others=[*active, *run_objects], known=known)
    pods = within_namespaces(active, others=[*listed, *run_objects], known=known)
    foreign = find_foreign_runs([*objects, *pods], kinds=context.settings.agents, runs=runs)
    everything = [*objects, *pods, *within_namespaces(run_objects, others=[*listed, *active], known=known)]
    owned = with_runs(owned, judged=judged, foreign=foreign).with_objects(everything)
    own = owned.among(objects).values()
    loose = [each for each in own if each.resource == JOBS and not owned.is_owner(each.owner_uids)]
    ended = {each.uid for each in loose if has_ended(each, kube=kube)}
    owners = {each.uid: each.owner_uids for each in everything}
    jobs, inner = _at_work(own, runs=runs, stopping=owned.run_uids, owners=owners, context=context)
    kept = {run.uid: run.name for run in runs if run.uid in judged.protected - owned.run_uids}
    kept |= {each.uid: each.name for each in foreign}
    return Observation(
        runs=runs,
        owned=owned,
        complete=True,
        namespaces=namespaces,
        objects=tuple(each for each in own if each.uid not in ended),
        loose=frozenset(each.uid for each in loose) - ended,
        at_work=frozenset(jobs | inner.keys()),
        inner=inner,
        pods=tuple(pod for pod in pods if owned.has(pod) or pod.uid in owned.run_uids),
        protected={owner: name for uid, name in kept.items() for owner in find_owners([uid], owners=owners)},
    )


def _at_work(
    own: Collection[OwnedObject],
    *,
    runs: Collection[AgentRun],
    stopping: Collection[str],
    owners: Mapping[str, Collection[str]],
    context: StepContext,
) -> tuple[set[str], dict[str, AgentRun]]:
    """Find what goes on although the run that owns it has ended and stays: Jobs, and objects of a kind of run.

    An object that a person has marked to be kept is left out.

    Args:
        own: What belongs to the runs that are being stopped.
        runs: All runs of the task. They are judged by themselves.
        stopping: Uids of the runs that are being stopped.
        owners: The uids of each object's owners, by its uid.
        context: The step.

    Returns:
        The uids of the Jobs, and the other objects by uid.
    """
    kube, over = context.clients.kube, [run for run in runs if run.ended and run.uid in stopping]
    below = find_owned([run.uid for run in over], owners=owners, barrier=[run.uid for run in runs])
    # A run that can be started again suspends its Jobs to stop them.
    suspended = find_owned([run.uid for run in over if run.kind.restartable], owners=owners)
    left = [each for each in own if each.uid in below]
    jobs = [each for each in left if each.resource == JOBS]
    read = (read_run(each, settings=context.settings, kube=kube) for each in left if each.resource != JOBS)
    return (
        {each.uid for each in jobs if not has_ended(each, kube=kube, suspended=each.uid in suspended)},
        {run.uid: run for run in read if run and not run.ended and not run.facts.keep},
    )


def _named(each: OwnedObject) -> str:
    """Return the kind and the name of an object."""
    kind = {JOBS: "Job", PODS: "pod"}.get(each.resource, each.resource)
    return f"{kind} {each.name}"


def names_of(objects: Collection[OwnedObject]) -> str:
    """Return the names of objects as one text."""
    return ", ".join(each.name for each in objects)
