"""Fixtures of the tests of `steps.github`."""

from __future__ import annotations

import pytest

from steps.github.client import GitHub
from tests.support.harness import Scene


@pytest.fixture
def client(scene: Scene) -> GitHub:
    """GitHub as a step asks it, with the token of a Secret."""
    return scene.context_without_pod(scene.workflow()).clients.github(lambda: None)
