"""The kinds of objects that the steps read and write, as they appear in API paths."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of object, as it appears in API paths."""

    group: str
    version: str
    plural: str

    def path(self, *, namespace: str, name: str = "") -> str:
        """Return the API path of an object, or of the collection."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        path = f"{root}/namespaces/{quote(namespace, safe='')}/{self.plural}"
        return f"{path}/{quote(name, safe='')}" if name else path

    def __str__(self) -> str:
        """The kind as kubectl writes it: plural.group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


CONFIG_MAPS = Resource(group="", version="v1", plural="configmaps")


EVENTS = Resource(group="", version="v1", plural="events")


PODS = Resource(group="", version="v1", plural="pods")


JOBS = Resource(group="batch", version="v1", plural="jobs")


LEASES = Resource(group="coordination.k8s.io", version="v1", plural="leases")


WORKFLOWS = Resource(group="argoproj.io", version="v1alpha1", plural="workflows")
