"""Verifying that agents are gone, each by itself.

Guarantees that a run is called gone only by a look that listed its object, the Jobs, and their pods, and found none of
them at work. The grace period of a run begins when its own DELETE or stop request was accepted; after that its pods are
deleted without grace, unless its kind may not be deleted. Pods of a run whose DELETE was refused keep their grace. A
run that outlasts its time is reported as stuck, with what was left of it. Not guaranteed: anything about a pod that a
run owns in ways other than Jobs and owner references.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steps.agents.deletion import STOPPED_ON_REQUEST
from steps.agents.dependents import OwnedResources, find_active_pods, find_jobs, force_delete_pods, owner_uids
from steps.agents.runs import decide_by_record, task_runs
from steps.domain import RunOutcome

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from steps.agents.runs import AgentRun
    from steps.domain import Agent, Record
    from steps.kube import Json
    from steps.lease import HeldLease
    from steps.runtime import StepContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one look found.

    Attributes:
        complete: The Jobs and pods were listed, too: without that nothing is known to be gone.
    """

    runs: tuple[AgentRun, ...]
    owned: OwnedResources
    complete: bool
    jobs: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()

    def left_of(self, agent: Agent) -> str:
        """What is left of one run, in words; empty if nothing is. Only a complete look can tell."""
        run = next((run for run in self.runs if run.uid == agent.uid), None)
        if run and not run.ended:
            return f"its object is still there in phase {run.facts.phase or 'none'}"
        own = self.owned.only({agent.uid}, names={agent.job})
        jobs = [job for job in self.jobs if agent.uid in owner_uids(job)]
        if jobs and not run:
            return f"its Job {jobs[0]['metadata']['name']} is still there"
        pods = [pod for pod in self.pods if own.has_pod(pod)]
        return f"pods still work: {_names(pods)}" if pods else ""


def owned_by_stopping_runs(record: Record, *, others: Collection[str], context: StepContext) -> OwnedResources:
    """The runs that are being stopped and their Jobs; also of a run that vanished before a crash was resumed.

    Args:
        record: The ledger.
        others: Uids of the task's other runs, so that no Job of theirs is taken for one that is to end.
        context: The step.
    """
    unproven = [agent for agent in record.agents if agent.unproven]
    owned = OwnedResources(
        run_uids=frozenset(agent.uid for agent in unproven),
        names=frozenset(agent.job for agent in unproven if agent.job),
    )
    owned = owned.with_others(others)
    return owned.with_jobs(find_jobs(owned, kube=context.clients.kube, namespace=context.settings.namespaces.agents))


def verify_gone(
    record: Record,
    *,
    owned: OwnedResources,
    accepted: Mapping[str, float],
    context: StepContext,
    held: HeldLease,
) -> tuple[Record, tuple[AgentRun, ...]]:
    """Wait until each agent that is being stopped is gone, or its time is up.

    Args:
        record: Its agents that are being stopped are waited for.
        owned: Their Jobs, as known before they were deleted.
        accepted: When each run's DELETE or stop request was accepted, in monotonic seconds, by uid. A run that is not
            named was asked in an earlier attempt: its grace begins now.
        context: The step.
        held: Renewed while waiting.

    Returns:
        The record with every agent's outcome (`STUCK` if its time was up), and all runs of the task as last seen.

    Raises:
        LockLostError: The Lease was lost.
    """
    settings, clock = context.settings.stop, context.clock
    stopping = [agent for agent in record.agents if agent.outcome is RunOutcome.STOPPING]
    # A run that turned out to be kept goes on with its work, and one whose DELETE was refused was not asked at all.
    spared = [agent for agent in record.agents if agent.uid in owned.run_uids and agent not in stopping]
    spared_uids = {agent.uid for agent in spared}
    owned = owned.without(spared_uids, names={agent.job for agent in spared}).with_others(spared_uids)
    started = clock.monotonic()
    forced: set[str] = set()
    while True:
        held.renew_if_due()
        waited = {agent.uid: clock.monotonic() - accepted.get(agent.uid, started) for agent in stopping}
        due = {uid for uid, seconds in waited.items() if seconds >= settings.grace_s}
        observation = _look(owned=owned, context=context, complete=bool(due))
        owned = observation.owned
        left = {agent.uid: observation.left_of(agent) for agent in stopping} if observation.complete else None
        overdue = {uid for uid, seconds in waited.items() if seconds >= settings.grace_s + settings.verify_s}
        if left is not None and all(not text or uid in overdue for uid, text in left.items()):
            return _concluded(record, left=left, observation=observation), observation.runs
        forcible = [
            pod
            for pod in _forcible(observation, due=[agent for agent in stopping if agent.uid in due])
            if pod["metadata"]["uid"] not in forced
        ]
        if forcible:
            context.log.warning("grace period is over, deleting pods", pods=_names(forcible))
            namespace = context.settings.namespaces.agents
            force_delete_pods(forcible, kube=context.clients.kube, namespace=namespace, held=held)
            forced |= {pod["metadata"]["uid"] for pod in forcible}
        clock.sleep(settings.poll_s)


def _look(*, owned: OwnedResources, context: StepContext, complete: bool) -> Observation:
    """List the runs; and, once they are gone or a grace period is over, the Jobs and the pods as well."""
    namespace = context.settings.namespaces.agents
    runs = task_runs(context)
    owned = owned.with_others({run.uid for run in runs})
    if not complete and any(run.uid in owned.run_uids and not run.ended for run in runs):
        return Observation(runs=runs, owned=owned, complete=False)
    found = find_jobs(owned, kube=context.clients.kube, namespace=namespace)
    owned = owned.with_jobs(found)
    jobs = tuple(job for job in found if owned.has_job(job))
    pods = tuple(find_active_pods(owned, kube=context.clients.kube, namespace=namespace))
    return Observation(runs=runs, owned=owned, complete=True, jobs=jobs, pods=pods)


def _forcible(observation: Observation, *, due: Collection[Agent]) -> list[Json]:
    """Pods to delete without grace: of runs whose grace is over, unless their kind has to end by itself."""
    spared = {run.uid for run in observation.runs if not run.kind.delete and not run.ended}
    asked = [agent for agent in due if agent.uid not in spared]
    own = observation.owned.only({agent.uid for agent in asked}, names={agent.job for agent in asked})
    return [pod for pod in observation.pods if own.has_pod(pod)]


def _names(pods: Collection[Json]) -> str:
    return ", ".join(pod["metadata"]["name"] for pod in pods)


def _concluded(record: Record, *, left: Mapping[str, str], observation: Observation) -> Record:
    """The record with what became of each agent that was being stopped."""
    ended = {run.uid for run in observation.runs if run.ended}
    outcomes: dict[str, tuple[RunOutcome, str]] = {}
    for agent in record.agents:
        if agent.uid not in left:
            continue
        if left[agent.uid]:
            outcomes[agent.uid] = (RunOutcome.STUCK, left[agent.uid])
        elif agent.uid in ended:
            reason = STOPPED_ON_REQUEST if agent.reason.startswith("asked") else "ended by itself"
            outcomes[agent.uid] = (RunOutcome.FINISHED, reason)
        else:
            outcomes[agent.uid] = (RunOutcome.GONE, "object, Job and pods are gone")
    return _with_outcomes(record, outcomes)


def _with_outcomes(record: Record, outcomes: dict[str, tuple[RunOutcome, str]]) -> Record:
    def told(agent: Agent) -> Agent:
        outcome, reason = outcomes.get(agent.uid, (agent.outcome, agent.reason))
        return replace(agent, outcome=outcome, reason=reason)

    return record.with_agents(tuple(told(agent) for agent in record.agents))


def has_new_stale_run(record: Record, runs: tuple[AgentRun, ...]) -> bool:
    """Whether a run appeared meanwhile that is stale too."""
    known = {agent.uid for agent in record.agents}
    return any(run.uid not in known and decide_by_record(record, run).stale for run in runs)
