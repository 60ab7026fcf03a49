"""Keys of the labels and annotations that the steps write, and the label value of a repository. Pure."""

from __future__ import annotations

PREFIX = "agent-cancellation"
RECORD = f"{PREFIX}/record"
PHASE = f"{PREFIX}/phase"
# On a run: "true" as a label or an annotation keeps it.
KEEP = f"{PREFIX}/keep"
TASK = f"{PREFIX}/task"
REPOSITORY = f"{PREFIX}/repository"
APP = {"app.kubernetes.io/name": PREFIX, "app.kubernetes.io/managed-by": PREFIX}
_MAX_LABEL = 63


def repository_label(repository: str) -> str:
    """Return a repository as a label value. An owner never contains a dot, so the first dot stands for the slash."""
    return repository.lower().replace("/", ".")[:_MAX_LABEL].strip(".-_")
