"""A task in trouble, in one process: the doubles, the platform's controllers, and steps that run against them.

Guarantees: time is a ManualClock, so a whole push takes milliseconds; the steps are the shipped ones from their Context
down, and speak to the Kubernetes double through its requests and to the GitHub double through PyGithub and HTTP. Not
covered here: environment, exit of the process, RBAC (tests/integration/control_plane).
"""

from __future__ import annotations

from tests.support.scene.clients import TOKEN
from tests.support.scene.passes import Passes
from tests.support.scene.results import Results
from tests.support.scene.sensor import Sensor
from tests.support.scene.workflow import Workflow
from tests.support.scene.world import DEFAULTS, NEW, NEWER, OLD, REPOSITORY, ago

__all__ = [
    "DEFAULTS",
    "NEW",
    "NEWER",
    "OLD",
    "REPOSITORY",
    "TOKEN",
    "Scene",
    "Workflow",
    "ago",
]


class Scene(Sensor, Passes, Results):
    """A world, what runs in it, and what reads the result: the one class that tests use."""

    __slots__ = ()
