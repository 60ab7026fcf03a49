"""Who may do what: service accounts, Roles and bindings, each with exactly the verbs that the code uses.

Guarantees nothing cluster-wide: every Role lives in one namespace. The Sensor's account can create Workflows in one
namespace and do nothing else; the steps' account can end agents, and read and write their state and Leases. What a test
shows is refused to each is in docs/guarantees.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.names import APP, RECONCILE, SENSOR_ACCOUNT, STEPS_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.settings import Settings
    from steps.settings import RunKind

_RBAC = "rbac.authorization.k8s.io"


def _rule(group: str, resource: str, *verbs: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}


def _metadata(name: str, namespace: str) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "labels": dict(APP)}


def _account(name: str, *, namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(name, namespace)}


def _granted(
    name: str, *, namespace: str, rules: list[dict[str, Any]], account: str, home: str
) -> Iterator[dict[str, Any]]:
    """A Role and its binding to the account of another (or the same) namespace."""
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "Role",
        "metadata": _metadata(name, namespace),
        "rules": rules,
    }
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(name, namespace),
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": home}],
    }


def _run_rule(kind: RunKind) -> dict[str, Any]:
    verbs = ["get", "list", *(["delete"] if kind.delete else []), *(["patch"] if kind.stop_patch else [])]
    return _rule(kind.group, kind.plural, *verbs)


def _events(settings: Settings) -> list[dict[str, Any]]:
    return [_rule("", "events", "create")] if settings.kubernetes.events else []


def _merged(*rules: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One rule for each resource, also if agents are what their parts are: a kind of runs may be Jobs."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for rule in rules:
        verbs.setdefault((rule["apiGroups"][0], rule["resources"][0]), []).extend(rule["verbs"])
    for (group, resource), found in verbs.items():
        yield _rule(group, resource, *dict.fromkeys(found))


def steps_access(settings: Settings) -> Iterator[dict[str, Any]]:
    """The account of the steps' pods."""
    home, agents = settings.namespaces.workflows, settings.namespaces.agents
    yield _account(STEPS_ACCOUNT, namespace=home)
    yield from _granted(
        STEPS_ACCOUNT,
        namespace=home,
        account=STEPS_ACCOUNT,
        home=home,
        rules=[
            _rule("coordination.k8s.io", "leases", "get", "create", "update"),
            _rule("", "pods", "get"),  # is the holder of a Lease still alive?
            _rule("argoproj.io", "workflows", "list", "patch"),  # end those that wait with nothing left to do
            *_events(settings),
            _rule("", "configmaps", "get", "update") | {"resourceNames": [settings.breaker.config_map]},
            _rule("argoproj.io", "workflowtaskresults", "create", "patch"),  # Argo's own executor, in the same pod
        ],
    )
    yield from _granted(
        f"{STEPS_ACCOUNT}-agents" if agents == home else STEPS_ACCOUNT,
        namespace=agents,
        account=STEPS_ACCOUNT,
        home=home,
        rules=[
            *_merged(
                *(_run_rule(kind) for kind in settings.agents),
                _rule("batch", "jobs", "list"),
                _rule("", "pods", "list", "delete"),
                _rule("", "configmaps", "get", "update"),
            ),
            *_events(settings),
        ],
    )


def reconcile_access(settings: Settings) -> Iterator[dict[str, Any]]:
    """The account of reconcile's pods: it looks at everything, and deletes nothing but Leases that are long idle."""
    home, agents = settings.namespaces.workflows, settings.namespaces.agents
    yield _account(RECONCILE, namespace=home)
    yield from _granted(
        RECONCILE,
        namespace=home,
        account=RECONCILE,
        home=home,
        rules=[
            _rule("coordination.k8s.io", "leases", "get", "list", "create", "update", "delete"),
            _rule("", "pods", "get", "list"),  # is the holder of a Lease still alive?
            _rule("argoproj.io", "workflows", "list", "create"),
            *_events(settings),
            _rule("", "configmaps", "get", "update") | {"resourceNames": [settings.breaker.config_map]},
            _rule("argoproj.io", "workflowtaskresults", "create", "patch"),  # Argo's own executor, in the same pod
        ],
    )
    yield from _granted(
        f"{RECONCILE}-agents" if agents == home else RECONCILE,
        namespace=agents,
        account=RECONCILE,
        home=home,
        rules=[
            *(_rule(kind.group, kind.plural, "list") for kind in settings.agents),
            _rule("", "configmaps", "get", "list", "update"),
        ],
    )


def sensor_access(settings: Settings) -> Iterator[dict[str, Any]]:
    """The account of the Sensor's pod."""
    home = settings.namespaces.events
    yield _account(SENSOR_ACCOUNT, namespace=home)
    yield from _granted(
        SENSOR_ACCOUNT,
        namespace=settings.namespaces.workflows,
        account=SENSOR_ACCOUNT,
        home=home,
        rules=[_rule("argoproj.io", "workflows", "create")],
    )
