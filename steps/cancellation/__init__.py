"""One push and its task: claim, coalescing of queued Workflows, state document, Workflow, report.

Guarantees that the state document is written only in the epoch of the held Lease.
"""

from steps.cancellation.claim import claim_record, decide_push, measured_watermark
from steps.cancellation.coalescing import SUPERSEDED_BY, terminate_superseded, waiting_head_push
from steps.cancellation.report import completed_report, nothing_to_do_report, preview_report
from steps.cancellation.state_document import StateDocument, read_state_document, state_document_task
from steps.cancellation.state_update import (
    STATE_EPOCH,
    STATE_EPOCH_OF,
    StateChange,
    changed_config_map,
    update_state_document,
)
from steps.cancellation.workflow import REPAIR_LABEL, TEMPLATE, WORKFLOW_COMPLETED_LABEL, build_workflow

__all__ = [
    "REPAIR_LABEL",
    "STATE_EPOCH",
    "STATE_EPOCH_OF",
    "SUPERSEDED_BY",
    "TEMPLATE",
    "WORKFLOW_COMPLETED_LABEL",
    "StateChange",
    "StateDocument",
    "build_workflow",
    "changed_config_map",
    "claim_record",
    "completed_report",
    "decide_push",
    "measured_watermark",
    "nothing_to_do_report",
    "preview_report",
    "read_state_document",
    "state_document_task",
    "terminate_superseded",
    "update_state_document",
    "waiting_head_push",
]
