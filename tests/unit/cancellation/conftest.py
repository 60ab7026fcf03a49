"""What the tests of waiting Workflows share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.harness import Scene
from tests.support.scenarios import without_help


@pytest.fixture
def alone(scene: Scene) -> None:
    """Help would process each push that waits, and hide what the holder does by itself."""
    without_help(scene)


@pytest.fixture
def no_place_is_left(scene: Scene) -> Iterator[None]:
    """No ended Workflow keeps its place in the queue of its mutex: those behind it would never begin."""
    yield
    scene.later(11)
    assert scene.argo.abandoned() == []
