"""Agent runs: found, judged, stopped, verified gone.

Guarantees that only the object that was judged stale is deleted, and that a run counts as gone only after a look that
listed the object, its Jobs and their pods.
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
