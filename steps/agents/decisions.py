"""Judges all runs of a task together, because a run may own another.

Guarantees that it reads and writes nothing. A stale run that owns a run to be kept, directly or through listed objects,
is kept as well: the garbage collector deletes what a deleted run owns (docs/decisions/0016-owned-runs.md), in the
namespace of that run only. A run of another task counts as kept. Not covered: ownership through an object that was not
listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.agents.agent_run import AgentRun  # noqa: TC001 - part of a public dataclass
from steps.agents.owned_object import OwnedObject, within_namespaces
from steps.agents.run_policy import decide_by_record
from steps.domain import OWNER_REASON, Agent, RunAction, RunDecision, RunOutcome, find_spared
from steps.kube import JOBS, label_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from steps.domain import Record
    from steps.settings import RunKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The objects around a task's runs.

    Attributes:
        objects: The listed objects, whoever owns them.
        foreign: Those of them that are runs of other tasks.
    """

    objects: tuple[OwnedObject, ...] = ()
    foreign: tuple[OwnedObject, ...] = ()


ALONE = Surroundings()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDecisions:
    """The decisions about all runs of a task.

    Attributes:
        runs: All runs that were judged.
        protected: Uids of the runs that must not be deleted, and of which nothing may be deleted.
    """

    to_cancel: tuple[AgentRun, ...]
    to_await: tuple[AgentRun, ...]
    kept: tuple[Agent, ...]
    runs: tuple[AgentRun, ...] = ()
    protected: frozenset[str] = frozenset()

    @property
    def stale(self) -> tuple[AgentRun, ...]:
        """All stale runs: to cancel and to await."""
        return self.to_cancel + self.to_await


def decide_each(runs: Collection[AgentRun], *, record: Record, around: Surroundings = ALONE) -> dict[str, RunDecision]:
    """Judge each run by a record and by what it owns.

    Args:
        runs: All runs of the task.
        record: The record.
        around: The objects through which a run may own another.

    Returns:
        The decision about each run, by its uid.
    """
    decisions = {run.uid: decide_by_record(record, run) for run in runs}
    kept = {run.uid: run.name for run in runs if decisions[run.uid].protects}
    kept |= {each.uid: each.name for each in around.foreign}
    everything = within_namespaces([*around.objects, *(run.as_object() for run in runs)])
    owners = {each.uid: set(each.owner_uids) for each in everything}
    stale = {run.uid: run for run in runs if decisions[run.uid].action is RunAction.CANCEL}
    # The Job of a kept run is not deleted with a stale one that names it as well.
    working = {run.job_key for run in runs if run.uid in kept and not run.ended}
    loose = [each for each in around.objects if each.resource == JOBS and not each.owners and each.key not in working]
    jobs = {each.key: each.uid for each in loose}
    for run in stale.values():
        # A Job that a run only names is deleted with it (steps.agents.verification).
        if run.job_key in jobs and not run.as_stopping().names_itself:
            owners[jobs[run.job_key]].add(run.uid)
    for uid, child in find_spared(stale, kept=kept, owners=owners).items():
        decisions[uid] = RunDecision(action=RunAction.KEEP, reason=f"{OWNER_REASON}{kept[child]}", kept_for=child)
    return decisions


def decide_all(runs: Iterable[AgentRun], *, record: Record, around: Surroundings = ALONE) -> RunDecisions:
    """Judge all runs by a record and by what they own."""
    known = tuple(runs)
    decisions = decide_each(known, record=record, around=around)

    def judged(action: RunAction) -> list[tuple[AgentRun, RunDecision]]:
        return [(run, decisions[run.uid]) for run in known if decisions[run.uid].action is action]

    return RunDecisions(
        to_cancel=tuple(run for run, _ in judged(RunAction.CANCEL)),
        to_await=tuple(run for run, _ in judged(RunAction.AWAIT)),
        kept=tuple(
            run.as_agent(outcome=RunOutcome.KEPT, reason=decision.reason, kept_for=decision.kept_for)
            for run, decision in judged(RunAction.KEEP)
        ),
        runs=known,
        protected=frozenset(run.uid for run in known if decisions[run.uid].protects),
    )


def find_foreign_runs(
    objects: Iterable[OwnedObject], *, kinds: Collection[RunKind], runs: Collection[AgentRun]
) -> tuple[OwnedObject, ...]:
    """Find the runs of other tasks among listed objects: they have the labels of a kind of run.

    Args:
        objects: The listed objects.
        kinds: The kinds of the settings.
        runs: All runs of the task.
    """
    own = {uid for run in runs for uid in (run.uid, *run.parts)}
    return tuple(each for each in objects if each.uid not in own and any(_is_run(each, kind=kind) for kind in kinds))


def _is_run(each: OwnedObject, *, kind: RunKind) -> bool:
    key = label_key(kind.task)
    return (
        (each.resource.group, each.resource.plural) == (kind.group, kind.plural)
        and kind.selector.items() <= each.labels.items()
        and (not key or bool(kind.branch) or key in each.labels)
    )
