"""The difference between the rendered manifests and the objects in the cluster, line by line.

Guarantees that it only reads. What only the object has does not count: the API server adds defaults. So a key that a
new version no longer renders is not shown; `render --diff` against the folder shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.doctor.objects import LIVE, resource_of
from pipelines.manifests import all_manifests, diff_texts, dump_yaml
from steps.core import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.settings import Settings
    from steps.kube import Kube


def diff_cluster(settings: Settings, *, kube: Kube) -> Iterator[str]:
    """Yield what applying the manifests would change, as a unified diff.

    Raises:
        StepError: The API server refuses or does not answer.
    """
    for manifest in all_manifests(settings):
        kind, name, namespace = (manifest["kind"], *(manifest["metadata"][key] for key in ("name", "namespace")))
        try:
            found = kube.get(resource_of(manifest), namespace=namespace, name=name)
        except NotFoundError:
            before = ""
        else:
            # People may change its data live.
            shown = projected(found, manifest) | ({"data": manifest["data"]} if (kind, name) in LIVE else {})
            before = dump_yaml(shown)
        path = f"{namespace}/{kind.lower()}-{name}"
        yield from diff_texts(before, dump_yaml(manifest), before_name=f"cluster/{path}", name=path)


def projected(found: Any, wanted: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what an object has of the keys of a manifest.

    The API server drops empty values, and spells a number 1.0 as 1.
    """
    if isinstance(wanted, dict) and isinstance(found, dict):
        return {key: projected(found.get(key), value) for key, value in wanted.items() if key in found or not value}
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [projected(one, other) for one, other in zip(found, wanted, strict=True)]
    return wanted if found == wanted or (found is None and not wanted) else found
