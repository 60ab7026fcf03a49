"""Fixture: a pull request with a stale agent, and a person who may write."""

from __future__ import annotations

import pytest

from tests.scenarios.commands.conversation import PERSON, SETTINGS, Conversation
from tests.support.harness import NEW, Scene


@pytest.fixture
def conversation(scene: Scene) -> Conversation:
    """A pull request with a stale agent, after a push that does not count, and a person who may write."""
    scene.settings = SETTINGS
    scene.github.give_role(PERSON, "write")
    scene.agent()
    scene.later(60)
    scene.github.push("task-7-work", NEW, actor=PERSON)
    scene.later(60)
    return Conversation(scene=scene)
