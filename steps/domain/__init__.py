"""Push, record and the decision rules. No I/O, no clock.

Guarantees that every rule is a pure function over plain values. Which guarantees they add up to: docs/guarantees.md.
"""

from steps.domain.decisions import (
    FINISHED_REASON,
    AgentPolicy,
    ClaimDecision,
    LabelPlan,
    Resume,
    RunAction,
    RunDecision,
    RunFacts,
    Start,
    Superseded,
    decide_claim,
    decide_labels,
    decide_run,
    push_watermark,
    raised_watermark,
)
from steps.domain.push import (
    PARAMETERS,
    RECONCILE_REASON,
    ZERO_SHA,
    Push,
    Repository,
    Sha,
    TaskId,
    check_push_time,
    push_from_env,
)
from steps.domain.record import Agent, LabelOutcome, Phase, PullRequest, Record, RunOutcome, dump_record, parse_record

__all__ = [
    "FINISHED_REASON",
    "PARAMETERS",
    "RECONCILE_REASON",
    "ZERO_SHA",
    "Agent",
    "AgentPolicy",
    "ClaimDecision",
    "LabelOutcome",
    "LabelPlan",
    "Phase",
    "PullRequest",
    "Push",
    "Record",
    "Repository",
    "Resume",
    "RunAction",
    "RunDecision",
    "RunFacts",
    "RunOutcome",
    "Sha",
    "Start",
    "Superseded",
    "TaskId",
    "check_push_time",
    "decide_claim",
    "decide_labels",
    "decide_run",
    "dump_record",
    "parse_record",
    "push_from_env",
    "push_watermark",
    "raised_watermark",
]
