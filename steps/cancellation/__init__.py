"""One push and its task: claim, coalescing of queued Workflows, state document, Workflow, report.

Guarantees that the state document is written only in the epoch of the held Lease.
"""

from steps.cancellation.dry_run import preview
from steps.cancellation.execution import StartedExecution, finish_execution, start_execution
from steps.cancellation.report import nothing_to_do_report, report_line
from steps.cancellation.requested_push import with_own_push
from steps.cancellation.settlement import report_finished, report_ignored
from steps.cancellation.state_document import StateDocument, read_state_document, state_document_task
from steps.cancellation.state_update import (
    STATE_EPOCH,
    STATE_EPOCH_OF,
    StateChange,
    changed_config_map,
    is_epoch_of,
    update_state_document,
)
from steps.cancellation.waiting_workflow import WaitingWorkflow, newest_waiting, read_waiting_workflow
from steps.cancellation.workflow import (
    REPAIR_LABEL,
    SUPERSEDED_BY,
    TEMPLATE,
    WORKFLOW_COMPLETED_LABEL,
    WORKFLOW_PHASE_LABEL,
    build_workflow,
    workflow_parameters,
)

__all__ = [
    "REPAIR_LABEL",
    "STATE_EPOCH",
    "STATE_EPOCH_OF",
    "SUPERSEDED_BY",
    "TEMPLATE",
    "WORKFLOW_COMPLETED_LABEL",
    "WORKFLOW_PHASE_LABEL",
    "StartedExecution",
    "StateChange",
    "StateDocument",
    "WaitingWorkflow",
    "build_workflow",
    "changed_config_map",
    "finish_execution",
    "is_epoch_of",
    "newest_waiting",
    "nothing_to_do_report",
    "preview",
    "read_state_document",
    "read_waiting_workflow",
    "report_finished",
    "report_ignored",
    "report_line",
    "start_execution",
    "state_document_task",
    "update_state_document",
    "with_own_push",
    "workflow_parameters",
]
