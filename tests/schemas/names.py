"""Finding manifests by kind, namespace and name.

Guarantees: what was declared external exists, though nothing is known of its content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.schemas.workflows import namespace_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Manifest = dict[str, Any]


class Names:
    """Finds manifests by kind, namespace and name."""

    def __init__(self, manifests: Sequence[Manifest], *, external: Collection[str]) -> None:
        self._manifests = {
            (one.get("kind"), namespace_of(one), one.get("metadata", {}).get("name")): one for one in manifests
        }
        self._external = set(external)

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Give a manifest."""
        return self._manifests.get((kind, namespace, name))

    def exists(self, kind: str, namespace: str, name: str) -> bool:
        """Say whether there is a manifest, or an external object."""
        return self.find(kind, namespace, name) is not None or f"{kind}/{namespace}/{name}" in self._external
