"""Workflows that wait for a task's lock: what became of them."""

from __future__ import annotations

from typing import Any

from steps.cancellation import SUPERSEDED_BY
from tests.support.harness import DEFAULTS, Scene, Workflow

HOME = DEFAULTS.namespaces.workflows


def phase(scene: Scene, workflow: Workflow) -> str:
    """The phase, once Argo has processed the Workflow again."""
    scene.later(11)  # Argo processes a changed Workflow ten seconds later
    found: dict[str, Any] = scene.api.get("workflows", workflow.name, namespace=HOME)
    return str(found["status"]["phase"])


def superseded_by(scene: Scene, workflow: Workflow) -> str:
    """The Workflow that the label names; empty without the label."""
    return str(scene.api.get("workflows", workflow.name, namespace=HOME)["metadata"]["labels"].get(SUPERSEDED_BY, ""))
