"""Argo accepts only Workflows that are made from the WorkflowTemplate and change nothing of it (`Secure`).

All other tests of this tier run in this mode, so the Sensor's and the laptop's Workflows are shown to pass.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from steps.cancellation.workflow import build_workflow
from steps.settings import SETTINGS_ENV
from tests.e2e.support.outcome import settled
from tests.e2e.support.pods import step_pods
from tests.e2e.support.stage import Stage, sha
from tests.e2e.support.task import FINISHED, REPOSITORY

pytestmark = pytest.mark.argo(referencing="Secure")

CONTAINER = {"image": "any", "command": ["sh"]}
OWN = {"name": "own", "container": CONTAINER}
SETTINGS = {"name": SETTINGS_ENV, "value": "{}"}


def created(stage: Stage, spec: dict[str, Any]) -> dict[str, Any]:
    """Create a push's Workflow whose spec is changed (None takes a field away); the Workflow, once it has ended."""
    values = {
        "repository": REPOSITORY,
        "task-id": str(stage.task),
        "ref": f"refs/heads/{stage.branch}",
        "sha": sha(stage.task, 1),
        "pushed-at": str(int(time.time())),
        "correlation-id": str(uuid.uuid4()),
    }
    manifest = build_workflow(values, settings=stage.cluster.settings)
    changed = manifest["spec"] | spec
    manifest["spec"] = {name: value for name, value in changed.items() if value is not None}
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{stage.home}/workflows"
    name = stage.client.ask("POST", path, manifest)["metadata"]["name"]
    stage.until(lambda: stage.phase_of(name) in FINISHED, what="it ends")
    found = stage.named(name)
    assert found is not None
    return found


def test_a_workflow_that_changes_nothing_of_the_template_is_accepted(stage: Stage) -> None:
    stage.push()
    assert created(stage, {})["status"]["phase"] == "Succeeded"
    settled(stage)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"serviceAccountName": "default"}, "[ServiceAccountName] are not permitted"),
        ({"synchronization": {"mutexes": [{"name": "another"}]}}, "[Synchronization] are not permitted"),
        ({"podSpecPatch": '{"hostNetwork": true}'}, "[PodSpecPatch] are not permitted"),
        ({"templates": [OWN], "entrypoint": "own"}, "[Templates] are not permitted"),
        ({"templateDefaults": {"container": {"env": [SETTINGS]}}}, "[TemplateDefaults] are not permitted"),
        ({"securityContext": {"runAsUser": 0}}, "[SecurityContext] are not permitted"),
        ({"hooks": {"exit": {"template": "fail"}}}, "[Hooks] are not permitted"),
        ({"workflowTemplateRef": None, "templates": [OWN], "entrypoint": "own"}, "must use workflowTemplateRef"),
    ],
    ids=["account", "lock", "patch", "templates", "settings", "user", "hooks", "no template at all"],
)
def test_a_workflow_that_brings_something_of_its_own_is_refused(stage: Stage, spec: dict[str, Any], says: str) -> None:
    refused = created(stage, spec)
    assert refused["status"]["phase"] == "Error"
    assert says in refused["status"]["message"]
    assert step_pods(stage, refused["metadata"]["name"]) == []
