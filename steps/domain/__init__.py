"""The push, the record, the decision rules and the texts of outcomes.

Guarantees that each rule is a pure function of plain values: it does no I/O and reads no clock. docs/guarantees.md
lists the guarantees of the product.
"""

from steps.domain.agent import Agent, RunOutcome, namespaced_name
from steps.domain.claim_decision import ClaimDecision, Resume, Start, Superseded, decide_claim
from steps.domain.command import (
    COMMAND_PARAMETERS,
    Command,
    CommandKind,
    command_from_env,
    decide_age,
    decide_permission,
)
from steps.domain.label_decision import LabelPlan, decide_ended, decide_labels
from steps.domain.ownership import find_owned, find_owners, find_spared
from steps.domain.parameters import Parameter
from steps.domain.push import (
    CLOSED_REASON,
    COMMAND_REASON,
    DELETED_REASON,
    MANUAL_ALL_REASON,
    MANUAL_REASON,
    MAX_PRIORITY,
    OPENED_REASON,
    RECONCILE_REASON,
    ZERO_SHA,
    Moment,
    Push,
    Repository,
    Sha,
)
from steps.domain.push_order import is_known_older, is_newer, is_newer_than_known, known_older
from steps.domain.push_parameters import PARAMETERS, check_push_time, push_from_env
from steps.domain.record import FinishedPush, LabelOutcome, Phase, PullRequest, Record, dump_record, parse_record
from steps.domain.run_decision import (
    FINISHED_REASON,
    KEEP_REASON,
    OWNER_REASON,
    AgentPolicy,
    RunAction,
    RunDecision,
    RunFacts,
    decide_run,
)
from steps.domain.task_id import (
    HASH_LENGTH,
    HASHED_PATTERN,
    HEADS,
    ID_PATTERN,
    NO_SLUG,
    SLUG_LENGTH,
    TaskId,
    TaskMatch,
    find_task,
    match_task,
    task_id,
)
from steps.domain.watermark import push_watermark, request_watermark
from steps.domain.wording import LABEL_TEXT, OUTCOME_TEXT, shown_names

__all__ = [
    "CLOSED_REASON",
    "COMMAND_PARAMETERS",
    "COMMAND_REASON",
    "DELETED_REASON",
    "FINISHED_REASON",
    "HASHED_PATTERN",
    "HASH_LENGTH",
    "HEADS",
    "ID_PATTERN",
    "KEEP_REASON",
    "LABEL_TEXT",
    "MANUAL_ALL_REASON",
    "MANUAL_REASON",
    "MAX_PRIORITY",
    "NO_SLUG",
    "OPENED_REASON",
    "OUTCOME_TEXT",
    "OWNER_REASON",
    "PARAMETERS",
    "RECONCILE_REASON",
    "SLUG_LENGTH",
    "ZERO_SHA",
    "Agent",
    "AgentPolicy",
    "ClaimDecision",
    "Command",
    "CommandKind",
    "FinishedPush",
    "LabelOutcome",
    "LabelPlan",
    "Moment",
    "Parameter",
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
    "TaskMatch",
    "check_push_time",
    "command_from_env",
    "decide_age",
    "decide_claim",
    "decide_ended",
    "decide_labels",
    "decide_permission",
    "decide_run",
    "dump_record",
    "find_owned",
    "find_owners",
    "find_spared",
    "find_task",
    "is_known_older",
    "is_newer",
    "is_newer_than_known",
    "known_older",
    "match_task",
    "namespaced_name",
    "parse_record",
    "push_from_env",
    "push_watermark",
    "request_watermark",
    "shown_names",
    "task_id",
]
