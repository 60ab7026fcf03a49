"""What Argo's controller does with the log of a template's container: which it archives, and what its pod then needs.

Guarantees the order of `addArchiveLocation` and `IsArchiveLogs` in Argo 3.7 and 4.1: a template's own location wins,
then the controller's artifact repository if it says `archiveLogs: true`, then the template, then the Workflow. Models
repositories at S3 only; any other raises `LookupError`.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_FLAG = "archiveLogs"


def needed_secrets(template: Json, *, spec: Json, repository: Json) -> set[str] | None:
    """Return the Secrets that a template's pod mounts to archive its log; None if Argo does not archive it.

    Args:
        template: The template.
        spec: The Workflow's spec, with the controller's `workflowDefaults`.
        repository: `artifactRepository` of the controller's settings.

    Raises:
        LookupError: The location is not modelled.
    """
    own = template.get("archiveLocation", {})
    if own.keys() - {_FLAG}:
        return _secrets(own) if own.get(_FLAG) else None
    asked = own.get(_FLAG, spec.get(_FLAG, False))
    return _secrets(repository) if repository.get(_FLAG) or asked else None


def _secrets(location: Json) -> set[str]:
    if location.keys() - {_FLAG} != {"s3"}:
        raise LookupError(f"not modelled: a location with {sorted(location)}")
    keys = ("accessKeySecret", "secretKeySecret")
    return {location["s3"][key]["name"] for key in keys if key in location["s3"]}
