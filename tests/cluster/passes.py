"""A pass of reconcile, made as a person makes one: `argo submit --from`. The schedule is suspended in this tier."""

from __future__ import annotations

import json

from pipelines import names
from tests.cluster.argo_client import ArgoClient
from tests.cluster.stage import FINISHED, Stage


def a_pass(stage: Stage, argo: ArgoClient) -> str:
    """Let one pod of reconcile run to its end; what it logged."""
    source = f"workflowtemplate/{names.RECONCILE}"
    name = json.loads(argo.run("submit", "--from", source, "--output", "json"))["metadata"]["name"]
    stage.until(lambda: stage.phase_of(name) in FINISHED, what="the pass ends", deadline_s=120)
    assert stage.phase_of(name) == "Succeeded"
    return argo.run("logs", name, "--no-color")
