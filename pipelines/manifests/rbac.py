"""Service accounts, Roles and RoleBindings, each with exactly the verbs that the code uses.

Guarantees nothing cluster-wide: every Role is in one namespace, and each namespace of agents has its own. The Sensor's
account can create Workflows in one namespace and do nothing else. The steps' account can end agents, and read and write
their state and Leases. docs/guarantees.md lists what each account is refused, and the test that shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubernetes.client import RbacV1Subject, V1PolicyRule, V1Role, V1RoleBinding, V1RoleRef, V1ServiceAccount

from pipelines.manifests.kubernetes_objects import object_metadata, plain_manifest
from pipelines.names import COMMAND, RECONCILE, SENSOR_ACCOUNT, STEPS_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pipelines.settings import Settings
    from steps.settings import RunKind

_GROUP = "rbac.authorization.k8s.io"
_VERSION = f"{_GROUP}/v1"


def _rule(group: str, resource: str, *verbs: str, names: list[str] | None = None) -> V1PolicyRule:
    return V1PolicyRule(api_groups=[group], resources=[resource], resource_names=names, verbs=list(verbs))


def _account(name: str, *, namespace: str) -> dict[str, Any]:
    metadata = object_metadata(name, namespace=namespace)
    return plain_manifest(V1ServiceAccount(api_version="v1", kind="ServiceAccount", metadata=metadata))


def _role_and_binding(
    name: str, *, namespace: str, rules: list[V1PolicyRule], account: str, home: str
) -> Iterator[dict[str, Any]]:
    """Build a Role in `namespace`, and its binding to an account in the namespace `home`."""
    metadata = object_metadata(name, namespace=namespace)
    yield plain_manifest(V1Role(api_version=_VERSION, kind="Role", metadata=metadata, rules=rules))
    yield plain_manifest(
        V1RoleBinding(
            api_version=_VERSION,
            kind="RoleBinding",
            metadata=metadata,
            role_ref=V1RoleRef(api_group=_GROUP, kind="Role", name=name),
            subjects=[RbacV1Subject(kind="ServiceAccount", name=account, namespace=home)],
        )
    )


def _run_rule(kind: RunKind) -> V1PolicyRule:
    verbs = ["get", "list", *(["delete"] if kind.delete else []), *(["patch"] if kind.stop_patch else [])]
    return _rule(kind.group, kind.plural, *verbs)


def _owned_rules(kinds: Iterable[RunKind]) -> Iterator[V1PolicyRule]:
    """Allow listing what runs own, and deleting a Job that the garbage collector leaves when its run is deleted."""
    for kind in kinds:
        for resource in kind.owned_resources:
            is_job = (resource.group, resource.plural) == ("batch", "jobs")
            yield _rule(resource.group, resource.plural, "list", *(["delete"] if is_job and kind.delete else []))


def _between_rules(kinds: Collection[RunKind]) -> Iterator[V1PolicyRule]:
    """Allow listing what lies between a run and a Job or pod that looks like a run itself."""
    if any((kind.group, kind.plural) in (("batch", "jobs"), ("", "pods")) for kind in kinds):
        for resource in (owned for kind in kinds for owned in kind.owned_resources):
            yield _rule(resource.group, resource.plural, "list")


def _events(settings: Settings) -> list[V1PolicyRule]:
    return [_rule("", "events", "create")] if settings.kubernetes.events else []


def _breakers(settings: Settings) -> V1PolicyRule:
    return _rule("", "configmaps", "get", "update", names=[settings.breaker.config_map])


def _merged(*rules: V1PolicyRule) -> Iterator[V1PolicyRule]:
    """Merge the rules of each resource into one: a kind of agent run may itself be a Job."""
    verbs: dict[tuple[str, ...], list[str]] = {}
    for rule in rules:
        verbs.setdefault((*(rule.api_groups or ()), *(rule.resources or ())), []).extend(rule.verbs)
    for (group, resource), found in verbs.items():
        yield _rule(group, resource, *dict.fromkeys(found))


def steps_access(settings: Settings) -> Iterator[dict[str, Any]]:
    """Build the account of the steps' pods, with its Roles."""
    home, spaces = settings.namespaces.workflows, settings.namespaces
    # A pod that helps lists the Leases, to skip those that are held.
    listed = ["list"] if settings.help.pushes else []
    yield _account(STEPS_ACCOUNT, namespace=home)
    yield from _role_and_binding(
        STEPS_ACCOUNT,
        namespace=home,
        account=STEPS_ACCOUNT,
        home=home,
        rules=[
            _rule("coordination.k8s.io", "leases", "get", *listed, "create", "update"),
            _rule("", "pods", "get"),  # to see whether the holder of a Lease still runs
            _rule("argoproj.io", "workflows", "list", "patch"),  # to end the waiting ones whose push is superseded
            *_events(settings),
            _breakers(settings),
            _rule("argoproj.io", "workflowtaskresults", "create", "patch"),  # Argo's executor, in the same pod
        ],
    )
    for space in dict.fromkeys((*spaces.agents, spaces.documents)):
        runs = [
            *(_run_rule(kind) for kind in settings.agents),
            *_owned_rules(settings.agents),
            _rule("", "pods", "list", "delete"),
        ]
        yield from _role_and_binding(
            f"{STEPS_ACCOUNT}-agents" if space == home else STEPS_ACCOUNT,
            namespace=space,
            account=STEPS_ACCOUNT,
            home=home,
            rules=[
                *_merged(
                    *(runs if space in spaces.agents else []),
                    *([_rule("", "configmaps", "get", "update")] if space == spaces.documents else []),
                ),
                *(_events(settings) if space in spaces.agents else []),
            ],
        )


def reconcile_access(settings: Settings) -> Iterator[dict[str, Any]]:
    """Build the account of reconcile's pods, with its Roles.

    It reads everything and deletes only Leases that have been idle for long.
    """
    home, spaces = settings.namespaces.workflows, settings.namespaces
    yield _account(RECONCILE, namespace=home)
    yield from _role_and_binding(
        RECONCILE,
        namespace=home,
        account=RECONCILE,
        home=home,
        rules=[
            _rule("coordination.k8s.io", "leases", "get", "list", "create", "update", "delete"),
            _rule("", "pods", "get", "list"),  # to see whether the holder of a Lease still runs
            _rule("argoproj.io", "workflows", "list", "create"),
            *_events(settings),
            _breakers(settings),
            _rule("argoproj.io", "workflowtaskresults", "create", "patch"),  # Argo's executor, in the same pod
        ],
    )
    for space in dict.fromkeys((*spaces.agents, spaces.documents)):
        runs = [_rule(kind.group, kind.plural, "list") for kind in settings.agents]
        runs += _between_rules(settings.agents)
        documents = [_rule("", "configmaps", "get", "list", "update")]
        yield from _role_and_binding(
            f"{RECONCILE}-agents" if space == home else RECONCILE,
            namespace=space,
            account=RECONCILE,
            home=home,
            rules=[
                *_merged(*(runs if space in spaces.agents else [])),
                *(documents if space == spaces.documents else []),
            ],
        )


def command_access(settings: Settings) -> Iterator[dict[str, Any]]:
    """Build the account of the pods that handle comments, with its Role. It reaches no agent."""
    home = settings.namespaces.workflows
    yield _account(COMMAND, namespace=home)
    yield from _role_and_binding(
        COMMAND,
        namespace=home,
        account=COMMAND,
        home=home,
        rules=[
            _rule("argoproj.io", "workflows", "create"),
            _breakers(settings),
            _rule("argoproj.io", "workflowtaskresults", "create", "patch"),  # Argo's executor, in the same pod
        ],
    )


def sensor_access(settings: Settings) -> Iterator[dict[str, Any]]:
    """Build the account of the Sensor's pod, with its Role."""
    home = settings.namespaces.events
    yield _account(SENSOR_ACCOUNT, namespace=home)
    yield from _role_and_binding(
        SENSOR_ACCOUNT,
        namespace=settings.namespaces.workflows,
        account=SENSOR_ACCOUNT,
        home=home,
        rules=[_rule("argoproj.io", "workflows", "create")],
    )
