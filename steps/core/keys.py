"""Label and annotation keys that this product writes, and the label value of a repository. Pure."""

from __future__ import annotations

PREFIX = "agent-cancellation"


RECORD = f"{PREFIX}/record"


PHASE = f"{PREFIX}/phase"


TASK = f"{PREFIX}/task"


REPOSITORY = f"{PREFIX}/repository"


_MAX_LABEL = 63


def repository_label(repository: str) -> str:
    """A repository as a label value; an owner never contains a dot, so the first dot is the slash."""
    return repository.lower().replace("/", ".")[:_MAX_LABEL].strip(".-_")


APP = {"app.kubernetes.io/name": PREFIX, "app.kubernetes.io/managed-by": PREFIX}
