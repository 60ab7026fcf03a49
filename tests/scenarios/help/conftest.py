"""Fixture: four tasks whose agents are stale."""

from __future__ import annotations

import pytest

from tests.scenarios.help.burst import TASKS
from tests.support.harness import OLD, Scene


@pytest.fixture
def burst(scene: Scene) -> Scene:
    """Four tasks, each with a stale agent and a pull request. The first one's is number 1."""
    for number in TASKS[1:]:
        scene.github.add_pull_request(head=f"task-{number}-work", sha=OLD, labels=["ready-for-qa"])
    for number in TASKS:
        scene.agent(task=number)
    scene.later(5)
    scene.later(3)
    return scene
