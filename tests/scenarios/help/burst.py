"""A burst of pushes to four tasks, and what is counted of the help that they get."""

from __future__ import annotations

from tests.support.harness import NEW, Scene, Workflow
from tests.support.scenarios import HOME

TASKS = (7, 8, 9, 10)
MOVED = {"remediation-in-progress"}
UNTOUCHED = {"ready-for-qa"}


def pushed(scene: Scene, sha: str = NEW) -> dict[int, Workflow]:
    """A push to each task, and its Workflow."""
    found = {}
    for number in TASKS:
        found[number] = pushed_to(scene, number, sha)
        scene.later(0.2)
    return found


def pushed_to(scene: Scene, number: int, sha: str = NEW) -> Workflow:
    """A push to a task, and its Workflow."""
    scene.github.push(f"task-{number}-work", sha)
    return scene.workflow(task=number, sha=sha)


def pull_request(task: int) -> int:
    """Number of a task's pull request."""
    return task - 6


def labels(scene: Scene, task: int) -> set[str]:
    """The labels that the steps may move."""
    return set(scene.github.labels(pull_request(task))) & (MOVED | UNTOUCHED)


def deletes(scene: Scene) -> int:
    """How many runs were deleted."""
    return sum(call.method == "DELETE" and "/coderuns/" in call.path for call in scene.api.calls)


def rounds(scene: Scene) -> int:
    """How often waiting Workflows were listed for help. The other lists look for superseded Workflows of one task."""
    lists = [call for call in scene.api.calls if call.method == "GET" and call.path.endswith("/workflows")]
    return sum("completed" in call.query["labelSelector"] for call in lists)


def held_by_others(scene: Scene, *, own: int) -> list[str]:
    """The Leases of other tasks that a pod holds."""
    leases = [lease for lease in scene.api.list("leases", namespace=HOME) if lease["spec"].get("holderIdentity")]
    return [each for lease in leases if f"-task-{own}-" not in (each := lease["metadata"]["name"])]
