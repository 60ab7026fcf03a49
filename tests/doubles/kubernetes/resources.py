"""The table of the resources that the server serves, and the rules of each kind that clients can observe.

Guarantees: `unconditional`, `create_on_update`, `default_propagation` and `returns_deleted` are the registry strategies
of Kubernetes 1.34 (Jobs orphan their pods by default in batch/v1; a PUT creates a missing Lease but never updates one
without its version).
Not guaranteed: admission and defaulting of the built-in kinds beyond what validation.py does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.doubles.kubernetes.errors import Subject
from tests.doubles.kubernetes.messages import JsonObject

BACKGROUND = "Background"
FOREGROUND = "Foreground"
ORPHAN = "Orphan"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource:
    """One group, version and plural with its rules; compared by identity, because a schema has no hash."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    has_status: bool = False
    generation: bool = False
    custom: bool = False
    schema: JsonObject | None = None
    unconditional: bool = True
    create_on_update: bool = False
    graceful: bool = False
    returns_deleted: bool = False
    default_propagation: str = BACKGROUND
    selectable: frozenset[str] = field(default_factory=frozenset)
    short_names: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """Return `group/version`, or `version` in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> tuple[str, str]:
        """Return what identifies the resource whatever its version."""
        return (self.group, self.plural)

    def subject(self, name: str) -> Subject:
        """Name an object for an error."""
        return Subject(group=self.group, plural=self.plural, kind=self.kind, name=name)


def argo(plural: str, kind: str) -> Resource:
    """Describe one of Argo's kinds: real CRDs without a status subresource, here without a schema."""
    return Resource(
        group="argoproj.io",
        version="v1alpha1",
        plural=plural,
        kind=kind,
        generation=True,
        custom=True,
        unconditional=False,
        has_status=plural in {"sensors", "eventsources", "eventbus"},
    )


BUILT_IN = (
    Resource(
        group="",
        version="v1",
        plural="namespaces",
        kind="Namespace",
        short_names=("ns",),
        namespaced=False,
        has_status=True,
        returns_deleted=True,
    ),
    Resource(group="", version="v1", plural="configmaps", kind="ConfigMap", short_names=("cm",)),
    Resource(group="", version="v1", plural="secrets", kind="Secret", selectable=frozenset({"type"})),
    Resource(
        group="",
        version="v1",
        plural="pods",
        kind="Pod",
        short_names=("po",),
        has_status=True,
        generation=True,
        graceful=True,
        returns_deleted=True,
        selectable=frozenset({"status.phase", "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName"}),
    ),
    Resource(
        group="",
        version="v1",
        plural="serviceaccounts",
        kind="ServiceAccount",
        short_names=("sa",),
        returns_deleted=True,
    ),
    Resource(
        group="",
        version="v1",
        plural="events",
        kind="Event",
        create_on_update=True,
        selectable=frozenset(
            {"involvedObject.name", "involvedObject.kind", "involvedObject.namespace", "involvedObject.uid", "reason"}
        ),
    ),
    Resource(
        group="coordination.k8s.io",
        version="v1",
        plural="leases",
        kind="Lease",
        unconditional=False,
        create_on_update=True,
    ),
    Resource(
        group="batch",
        version="v1",
        plural="jobs",
        kind="Job",
        has_status=True,
        generation=True,
        default_propagation=ORPHAN,
        selectable=frozenset({"status.successful"}),
    ),
    *(
        Resource(group="apps", version="v1", plural=f"{kind.lower()}s", kind=kind, has_status=True, generation=True)
        for kind in ("Deployment", "ReplicaSet", "StatefulSet")
    ),
    Resource(group="rbac.authorization.k8s.io", version="v1", plural="roles", kind="Role", create_on_update=True),
    Resource(
        group="rbac.authorization.k8s.io",
        version="v1",
        plural="rolebindings",
        kind="RoleBinding",
        create_on_update=True,
    ),
    Resource(group="networking.k8s.io", version="v1", plural="networkpolicies", kind="NetworkPolicy", generation=True),
    Resource(
        group="apiextensions.k8s.io",
        version="v1",
        plural="customresourcedefinitions",
        kind="CustomResourceDefinition",
        namespaced=False,
        has_status=True,
        generation=True,
    ),
    argo("workflows", "Workflow"),
    argo("workflowtemplates", "WorkflowTemplate"),
    argo("cronworkflows", "CronWorkflow"),
    argo("sensors", "Sensor"),
    argo("eventsources", "EventSource"),
    argo("eventbus", "EventBus"),
)


def from_definition(crd: Mapping[str, JsonObject]) -> tuple[Resource, ...]:
    """Derive the served resources from a CustomResourceDefinition."""
    spec = crd["spec"]
    names = spec.get("names", {})
    return tuple(
        Resource(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            namespaced=spec.get("scope") == "Namespaced",
            has_status="status" in version.get("subresources", {}),
            generation=True,
            custom=True,
            schema=version.get("schema", {}).get("openAPIV3Schema"),
            unconditional=False,
            short_names=tuple(names.get("shortNames", ())),
        )
        for version in spec.get("versions", ())
        if version.get("served", True)
    )
