"""One text for each outcome of an agent run and of the labels. Pure.

Guarantees that the Workflow's report, the comment on the pull request and the command line use the same words. The
texts are for people: no code reads them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain.agent import Agent, RunOutcome, namespaced_name
from steps.domain.record import LabelOutcome

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

OUTCOME_TEXT: Mapping[RunOutcome, str] = {
    RunOutcome.STOPPING: "was asked to stop; not yet proven gone",
    RunOutcome.GONE: "was stopped; its object, Job and pods are proven gone",
    RunOutcome.FINISHED: "has ended",
    RunOutcome.KEPT: "was kept",
    RunOutcome.STUCK: "was asked to stop; could not be proven gone",
}
LABEL_TEXT: Mapping[LabelOutcome, str] = {
    LabelOutcome.PENDING: "labels not moved yet",
    LabelOutcome.MOVED: "labels moved",
    LabelOutcome.HEAD_MOVED: "labels left to a newer push",
    LabelOutcome.NO_PULL_REQUEST: "labels not moved: no open pull request",
    LabelOutcome.AMBIGUOUS: "labels not moved: several open pull requests have this head; label the right one",
    LabelOutcome.UNREADABLE: "labels not moved: GitHub could not be read; reconcile moves them later",
    LabelOutcome.SKIPPED: "labels not moved: skip label",
    LabelOutcome.SWITCHED_OFF: "no label is configured",
    LabelOutcome.CLOSED: "labels not moved: the pull request is closed",
    LabelOutcome.OPEN_AGAIN: "nothing stopped: the pull request is open again",
}


def shown_names(agents: Collection[Agent]) -> dict[str, str]:
    """Return the name to show for each run, by its uid: with its namespace if the runs are in several."""
    several = len({agent.namespace for agent in agents}) > 1
    return {
        agent.uid: namespaced_name(agent.namespace or "", agent.name) if several else agent.name for agent in agents
    }
