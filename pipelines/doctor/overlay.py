"""Reads the objects that an overlay builds from the rendered folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from steps.core import BadInputError

if TYPE_CHECKING:
    from pathlib import Path


def read_manifests(path: Path) -> tuple[dict[str, Any], ...]:
    """Read the output of `kubectl kustomize`.

    Raises:
        BadInputError: The file cannot be read, or does not hold Kubernetes objects.
    """
    advice = "write it with: kubectl kustomize FOLDER > FILE"
    try:
        found = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}: {advice}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: not YAML: {advice}") from error
    objects = tuple(each for each in found if each is not None)
    if not objects or not all(isinstance(each, dict) and "kind" in each and "metadata" in each for each in objects):
        raise BadInputError(f"{path}: it does not hold Kubernetes objects: {advice}")
    return objects
