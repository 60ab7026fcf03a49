"""Agent runs: find, decide, stop, verify.

Guarantees that the steps delete only the object that they found stale, and no object that owns a run to be kept. A run
counts as gone only if lists show that the object, what it owns and the pods no longer exist.
"""

from steps.agents.agent_run import AgentRun
from steps.agents.decisions import RunDecisions, decide_all
from steps.agents.ownership import decide_runs
from steps.agents.run_policy import decide_by_push, decide_by_record
from steps.agents.runs import live_runs, runs_of_task, task_runs
from steps.agents.stop import StartedStop, finish_stop, start_stop

__all__ = [
    "AgentRun",
    "RunDecisions",
    "StartedStop",
    "decide_all",
    "decide_by_push",
    "decide_by_record",
    "decide_runs",
    "finish_stop",
    "live_runs",
    "runs_of_task",
    "start_stop",
    "task_runs",
]
