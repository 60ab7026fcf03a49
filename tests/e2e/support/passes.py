"""A pass of reconcile, made as a person makes one: `argo submit --from`. The schedule is suspended in this tier."""

from __future__ import annotations

import json

from pipelines import names
from tests.e2e.support.argo_client import ArgoClient
from tests.e2e.support.stage import Stage
from tests.e2e.support.task import FINISHED


def begin_passes(stage: Stage, argo: ArgoClient) -> str:
    """Start a pod of reconcile, which makes a pass at once and another half a minute later; its Workflow's name."""
    output = argo.run("submit", "--from", f"workflowtemplate/{names.RECONCILE}", "--output", "json")
    name = str(json.loads(output)["metadata"]["name"])
    stage.until(lambda: stage.phase_of(name) not in {"", "Pending"}, what="the pass begins", deadline_s=120)
    return name


def a_pass(stage: Stage, argo: ArgoClient) -> str:
    """Let one pod of reconcile run to its end; what it logged."""
    name = begin_passes(stage, argo)
    stage.until(lambda: stage.phase_of(name) in FINISHED, what="the pass ends", deadline_s=120)
    assert stage.phase_of(name) == "Succeeded"
    return argo.run("logs", name, "--no-color")
