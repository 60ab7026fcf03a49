"""Agent runs: find, decide, stop, verify.

Guarantees that the steps delete only the object that they found stale. A run counts as gone only if lists show that the
object, its Jobs and their pods no longer exist.
"""

from steps.agents.runs import (
    AgentRun,
    RunDecisions,
    decide_all,
    decide_by_kind,
    decide_by_record,
    live_runs,
    parse_repository,
    task_runs,
)
from steps.agents.stop import StartedStop, finish_stop, start_stop

__all__ = [
    "AgentRun",
    "RunDecisions",
    "StartedStop",
    "decide_all",
    "decide_by_kind",
    "decide_by_record",
    "finish_stop",
    "live_runs",
    "parse_repository",
    "start_stop",
    "task_runs",
]
