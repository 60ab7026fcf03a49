"""CodeRun manifests for tests, labelled as the platform's own workflows label them.

Guarantees: the result passes the kind's schema in strict mode.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.doubles.platform.crd import API_VERSION, KIND

REX = "5DLabs-Rex"
BLAZE = "5DLabs-Blaze"
MORGAN = "5DLabs-Morgan"
CLEO = "5DLabs-Cleo"
TESS = "5DLabs-Tess"
DEFAULT_REPOSITORY = "https://github.com/5dlabs/example"


def agent_run(
    *,
    task: int,
    agent: str = TESS,
    repository: str = DEFAULT_REPOSITORY,
    namespace: str = "agent-platform",
    name: str = "",
    service: str = "example",
    phase: str = "",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    owners: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the manifest of one agent's run on one task.

    `phase` lands in `status`, which a server with the status subresource drops on creation: see `put_run`.
    """
    short = agent.removeprefix("5DLabs-").lower()
    metadata: dict[str, Any] = {
        "namespace": namespace,
        "labels": {
            "task-id": str(task),
            "github-app": agent,
            "service": service,
            "agent-type": short,
            "workflow-name": f"play-task-{task}",
            **(labels or {}),
        },
    }
    metadata |= {"name": name} if name else {"generateName": f"task-{task}-{short}-"}
    if owners:
        metadata["ownerReferences"] = [dict(owner) for owner in owners]
    if annotations:
        metadata["annotations"] = dict(annotations)
    spec: dict[str, Any] = {
        "taskId": task,
        "service": service,
        "repositoryUrl": repository,
        "docsRepositoryUrl": f"{repository}-docs",
        "workingDirectory": service,
        "model": "a-model",
        "githubApp": agent,
    }
    if env:
        spec["env"] = dict(env)
    manifest = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}
    return {**manifest, "status": {"phase": phase}} if phase else manifest
