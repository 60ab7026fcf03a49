"""Kubernetes' own kinds, built with the typed models of the `kubernetes` package.

Guarantees that a key which Kubernetes does not have is an error when the manifest is built. Does not guarantee that
values make sense together; only an API server checks that. The models drop unknown keys when they read an object, so
use them to build objects only, never to read, change and write one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubernetes.client import V1ObjectMeta

from pipelines.names import APP

if TYPE_CHECKING:
    from pydantic import BaseModel


def object_metadata(name: str, *, namespace: str) -> V1ObjectMeta:
    """Build an object's name, namespace and labels."""
    return V1ObjectMeta(name=name, namespace=namespace, labels=dict(APP))


def plain_manifest(built: BaseModel) -> dict[str, Any]:
    """Turn a model into plain values, with the key names that the API server uses."""
    return built.model_dump(mode="json", by_alias=True, exclude_none=True)
