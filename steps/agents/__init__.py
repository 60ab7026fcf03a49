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
from steps.agents.stop import stop_runs

__all__ = [
    "AgentRun",
    "RunDecisions",
    "decide_all",
    "decide_by_kind",
    "decide_by_record",
    "live_runs",
    "parse_repository",
    "stop_runs",
    "task_runs",
]
