"""The checks of what the settings say about Argo, about the names in the cluster, and about nodes and Secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.doctor.argo import _TESTED as TESTED
from pipelines.doctor.argo import argo, instance, pod_layout, restrictions
from pipelines.doctor.check import CheckResult, CheckStatus, Installation, run_checks
from pipelines.doctor.cluster import dns_ports, namespaces
from pipelines.doctor.events import event_bus, events
from pipelines.doctor.pods import may_run, nodes, pull_secrets, users
from pipelines.doctor.workflows import limits, parallelism, schedule
from pipelines.manifests.reconcile_workflow import schedule as cron_workflow
from pipelines.names import LIMITS, LIMITS_KEY
from pipelines.settings import Settings
from pipelines.settings.pods import Toleration
from steps.core.errors import ForbiddenError, NotFoundError
from steps.kube.resources import Resource
from tests.doubles.clock import ManualClock
from tests.support.harness import DEFAULTS

Json = dict[str, Any]
Check = Callable[[Installation, str], Iterable[CheckResult]]
NOW = ManualClock().now()
SPACES = DEFAULTS.namespaces


class Objects:
    """What the API server has, by plural, namespace and name."""

    def __init__(self, *objects: tuple[str, Json]) -> None:
        self.objects = objects

    def get(self, resource: Resource, *, namespace: str, name: str) -> Json:
        for each in self.list(resource, namespace=namespace):
            if each["metadata"]["name"] == name:
                return each
        raise NotFoundError(f"no {resource} {name}")

    def list(self, resource: Resource, *, namespace: str, labels: str = "", fields: str = "") -> list[Json]:
        del labels, fields
        found = [body for plural, body in self.objects if plural == resource.plural]
        return [each for each in found if namespace in {"", each["metadata"].get("namespace", "")}]


def examined(check: Check, settings: Settings, *objects: tuple[str, Json]) -> list[tuple[CheckStatus, str, str]]:
    kube: Any = Objects(*objects)
    installation = Installation(settings=settings, kube=kube, now=NOW, env={})
    found = list(check(installation, "c"))
    assert all(each.fix for each in found if each.status is not CheckStatus.OK)
    return [(each.status, each.found, each.fix) for each in found]


def only(check: Check, settings: Settings, *objects: tuple[str, Json]) -> tuple[CheckStatus, str]:
    ((status, found, _),) = examined(check, settings, *objects)
    return status, found


def named(name: str, *, namespace: str = "", kind: str = "", **content: Any) -> Json:  # noqa: ANN401 - JSON
    metadata = {"name": name, "namespace": namespace, "uid": f"{namespace}/{name}", "labels": {}}
    return {"kind": kind, "metadata": metadata | content.pop("metadata", {}), **content}


# Namespaces.


def test_every_namespace_of_agents_and_that_of_the_state_documents_must_exist() -> None:
    settings = replace(DEFAULTS, namespaces=replace(SPACES, agents=("one", "two"), state="states"))
    there = [("namespaces", named(name)) for name in (SPACES.workflows, SPACES.events, "one")]
    wrong = [found for status, found, _ in examined(namespaces, settings, *there) if status is CheckStatus.WRONG]
    assert wrong == ["namespace two does not exist", "namespace states does not exist"]


# Argo's instance id.


STRICT = "templateReferencing: Strict"


def controller(namespace: str, data: dict[str, str]) -> list[tuple[str, Json]]:
    spec = {"template": {"spec": {"containers": [{"name": "c"}]}}}
    return [
        ("deployments", named("workflow-controller", namespace=namespace, spec=spec)),
        ("configmaps", named("workflow-controller-configmap", namespace=namespace, data=data)),
    ]


def with_instance(name: str) -> Settings:
    return replace(DEFAULTS, argo=replace(DEFAULTS.argo, instance_id=name))


@pytest.mark.parametrize(
    ("wanted", "data", "status", "found"),
    [
        ("blue", {"instanceID": "blue"}, CheckStatus.OK, "instance id blue"),
        ("blue", {"config": "instanceID: blue\n"}, CheckStatus.OK, "instance id blue"),
        ("blue", {}, CheckStatus.WRONG, "no controller has the instance id blue (argo: none): no Workflow begins"),
        (
            "",
            {"instanceID": "green"},
            CheckStatus.WRONG,
            "no controller has the instance id (none) (argo: green): no Workflow begins",
        ),
    ],
)
def test_a_controller_must_have_the_instance_id(
    wanted: str, data: dict[str, str], status: CheckStatus, found: str
) -> None:
    assert only(instance, with_instance(wanted), *controller("argo", data)) == (status, found)


def test_one_matching_controller_is_enough_and_a_missing_one_is_another_checks_finding() -> None:
    both = [*controller("argo", {}), *controller("blue", {"instanceID": "blue"})]
    assert only(instance, with_instance("blue"), *both) == (CheckStatus.OK, "instance id blue")
    assert examined(instance, with_instance("blue")) == []


def configured(namespace: str, *arguments: str, data: dict[str, str]) -> list[tuple[str, Json]]:
    """A controller whose arguments name its ConfigMap."""
    name = arguments[-1].rpartition("=")[2]
    spec = {"template": {"spec": {"containers": [{"name": "c", "args": [*arguments]}]}}}
    return [
        ("deployments", named(f"controller-{name}", namespace=namespace, spec=spec)),
        ("configmaps", named(name, namespace=namespace, data=data)),
    ]


@pytest.mark.parametrize("arguments", [("--configmap", "blue"), ("--configmap=blue",)])
def test_of_two_controllers_in_one_namespace_ours_is_examined(arguments: tuple[str, ...]) -> None:
    ours = configured("argo", *arguments, data={"instanceID": "blue", "workflowRestrictions": STRICT})
    other = controller("argo", {"instanceID": "green", "initlessPod": "enabled: true"})
    for both in (ours + other, other + ours):
        assert only(instance, with_instance("blue"), *both) == (CheckStatus.OK, "instance id blue")
        assert only(restrictions, with_instance("blue"), *both) == (CheckStatus.OK, "argo: Strict")
        assert only(pod_layout, with_instance("blue"), *both) == (CheckStatus.OK, "argo: init and wait containers")
    status, found = only(instance, with_instance("red"), *ours, *other)
    assert status is CheckStatus.WRONG
    assert "(argo: blue, argo: green)" in found


def scoped(
    namespace: str,
    *arguments: str,
    env: tuple[Json, ...] = (),
    image: str = "workflow-controller:v4.1.4",
    data: dict[str, str] | None = None,
) -> list[tuple[str, Json]]:
    """A controller with these arguments and variables, as Argo's manifest for one namespace has them."""
    container = {"name": "c", "image": image, "args": [*arguments], "env": [*env]}
    spec = {"template": {"spec": {"containers": [container]}}}
    status = {"availableReplicas": 1}
    return [
        ("deployments", named("workflow-controller", namespace=namespace, spec=spec, status=status)),
        ("configmaps", named("workflow-controller-configmap", namespace=namespace, data=data or {})),
    ]


OWN_NAMESPACE = {"name": "ARGO_MANAGED_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}


@pytest.mark.parametrize(
    ("arguments", "env", "managed"),
    [
        (("--namespaced",), (), "argo"),
        (("--namespaced=true",), (), "argo"),
        (("--namespaced", "--managed-namespace", "team-one"), (), "team-one"),
        (("--managed-namespace=team-one", "--namespaced"), (), "team-one"),
        ((), ({"name": "ARGO_NAMESPACED", "value": "true"},), "argo"),
        (("--namespaced",), ({"name": "ARGO_MANAGED_NAMESPACE", "value": "team-one"},), "team-one"),
        (("--namespaced",), (OWN_NAMESPACE,), "argo"),
    ],
)
def test_a_controller_of_another_namespace_begins_no_workflow_of_ours(
    arguments: tuple[str, ...], env: tuple[Json, ...], managed: str
) -> None:
    ((status, found, fix),) = examined(argo, DEFAULTS, *scoped("argo", *arguments, env=env))
    assert status is CheckStatus.WRONG
    only_there = f"argo/workflow-controller manages {managed} only"
    assert found == f"no controller manages {SPACES.workflows} ({only_there}): no Workflow begins"
    assert fix == (
        f"install a controller without --namespaced, or with --managed-namespace {SPACES.workflows}; or set "
        "namespaces.workflows to a namespace that a controller manages"
    )


@pytest.mark.parametrize(
    ("namespace", "arguments", "env"),
    [
        ("argo", (), ()),
        ("argo", ("--managed-namespace", "team-one"), ()),
        ("argo", ("--namespaced=false",), ({"name": "ARGO_NAMESPACED", "value": "true"},)),
        ("argo", ("--namespaced", "--managed-namespace", SPACES.workflows), ()),
        ("argo", ("--namespaced",), ({"name": "ARGO_MANAGED_NAMESPACE", "value": SPACES.workflows},)),
        (SPACES.workflows, ("--namespaced",), ()),
        # Its value is elsewhere, so nobody can say that the controller does not manage the namespace.
        ("argo", ("--namespaced",), ({"name": "ARGO_MANAGED_NAMESPACE", "valueFrom": {"configMapKeyRef": {}}},)),
    ],
)
def test_a_controller_that_manages_our_namespace_is_fine(
    namespace: str, arguments: tuple[str, ...], env: tuple[Json, ...]
) -> None:
    status, found = only(argo, DEFAULTS, *scoped(namespace, *arguments, env=env))
    assert (status, found) == (CheckStatus.OK, f"{namespace}/workflow-controller: Argo Workflows v4.1.4")


WORKFLOW_AGENTS = replace(
    DEFAULTS, agents=(replace(DEFAULTS.agents[0], group="argoproj.io", version="v1alpha1", plural="workflows"),)
)
ONE_NAMESPACE = replace(WORKFLOW_AGENTS, namespaces=replace(SPACES, agents=(SPACES.workflows,)))


@pytest.mark.parametrize(
    ("settings", "data", "most"),
    [
        (WORKFLOW_AGENTS, {"parallelism": "10"}, "10"),
        (WORKFLOW_AGENTS, {"config": "parallelism: 10"}, "10"),
        (ONE_NAMESPACE, {"namespaceParallelism": "4"}, "4"),
        (WORKFLOW_AGENTS, {"namespaceParallelism": "4"}, ""),
        (WORKFLOW_AGENTS, {"parallelism": "0"}, ""),
        (WORKFLOW_AGENTS, {}, ""),
    ],
)
def test_a_limit_of_workflows_that_agents_use_up_is_a_warning(
    settings: Settings, data: dict[str, str], most: str
) -> None:
    status, found = only(parallelism, settings, *controller("argo", data))
    text = f"argo: at most {most} Workflows run, agents included: a cancellation may wait for an agent"
    assert (status, found) == (
        (CheckStatus.WARNING, text) if most else (CheckStatus.OK, "argo: no limit that agents use up")
    )


def test_a_limit_of_workflows_does_not_matter_if_no_agent_is_one() -> None:
    assert examined(parallelism, DEFAULTS, *controller("argo", {"parallelism": "1"})) == []


def test_the_controller_of_another_team_is_not_examined() -> None:
    """Whatever its version and its settings are, it sees none of our Workflows."""
    odd = {"instanceID": "green", "initlessPod": "enabled: true"}
    other = scoped("team-one", "--namespaced", image="workflow-controller:v3.4.0", data=odd)
    ours = scoped("argo", data={"workflowRestrictions": STRICT})
    for both in (ours + other, other + ours):
        assert only(argo, DEFAULTS, *both) == (CheckStatus.OK, "argo/workflow-controller: Argo Workflows v4.1.4")
        assert only(restrictions, DEFAULTS, *both) == (CheckStatus.OK, "argo: Strict")
        assert only(pod_layout, DEFAULTS, *both) == (CheckStatus.OK, "argo: init and wait containers")
    status, found = only(instance, with_instance("green"), *ours, *other)
    assert (status, found) == (
        CheckStatus.WRONG,
        "no controller has the instance id green (argo: none): no Workflow begins",
    )


@pytest.mark.parametrize("data", [{}, {"config": "["}, {"instanceID": ""}])
def test_without_any_instance_id_the_check_is_silent(data: dict[str, str]) -> None:
    assert examined(instance, with_instance(""), *controller("argo", data)) == []


# EventBus, EventSource and Sensor by their names.

READY = {"conditions": [{"type": "Deployed", "status": "True"}]}
BUS = replace(DEFAULTS, events=replace(DEFAULTS.events, event_bus="shared", sensor="stop-agents"))


def fine(check: str) -> CheckResult:
    return CheckResult(check=check, status=CheckStatus.OK, found="")


def of_events(plural: str, name: str, kind: str, spec: Json) -> tuple[str, Json]:
    return plural, named(name, namespace=SPACES.events, kind=kind, spec=spec, status=READY)


def test_the_event_bus_is_looked_for_by_its_name() -> None:
    spec = {"jetstream": {"version": "latest", "maxPayload": "8MB"}}
    other = of_events("eventbus", "default", "EventBus", spec)
    status, found = only(event_bus, BUS, other)
    assert (status, found) == (CheckStatus.WRONG, "argo-events has no EventBus shared")
    assert only(event_bus, BUS, of_events("eventbus", "shared", "EventBus", spec))[0] is CheckStatus.OK


@pytest.mark.parametrize(("spec", "bus"), [({}, "default"), ({"eventBusName": "other"}, "other")])
def test_an_event_source_that_sends_to_another_bus_is_named(spec: Json, bus: str) -> None:
    source = of_events("eventsources", "github-eventsource", "EventSource", {"github": {"org": {}}, **spec})
    sensor = of_events("sensors", "stop-agents", "Sensor", {})
    wrong = [found for status, found, _ in examined(events, BUS, source, sensor) if status is not CheckStatus.OK]
    assert wrong == [f"EventSource github-eventsource sends to EventBus {bus}: the Sensor hears nothing"]


@pytest.mark.parametrize("spec", [None, "x", {"github": {"github": None}}, {"github": {}, "eventBusName": []}], ids=str)
def test_an_object_of_an_unexpected_shape_is_one_checks_finding_and_ends_no_other(spec: Any) -> None:  # noqa: ANN401 - any shape
    source = "eventsources", named("github-eventsource", namespace=SPACES.events, kind="EventSource", spec=spec)
    sensor = "sensors", named("implementation-agent-remediation", namespace=SPACES.events, status={"conditions": ["x"]})
    kube: Any = Objects(source, sensor)
    installation = Installation(settings=DEFAULTS, kube=kube, now=NOW, env={})
    found = list(run_checks(installation, {"events": events, "sensor": lambda _, check: [fine(check)]}))
    assert [each.status for each in found if each.check == "sensor"] == [CheckStatus.OK]
    assert [each.status for each in found if each.check == "events"][-1] is CheckStatus.UNKNOWN


def test_the_sensor_is_looked_for_by_its_name() -> None:
    spec = {"github": {"org": {}}, "eventBusName": "shared"}
    source = of_events("eventsources", "github-eventsource", "EventSource", spec)
    sensor = of_events("sensors", "stop-agents", "Sensor", {})
    assert [found for _, found, _ in examined(events, BUS, source, sensor)] == [
        "EventSource github-eventsource is ready",
        "Sensor stop-agents is ready",
    ]


# Pods.


def pods(**changes: Any) -> Settings:  # noqa: ANN401 - passed on
    return replace(DEFAULTS, pods=replace(DEFAULTS.pods, **changes))


def pull_secret(kind: str) -> tuple[str, Json]:
    return "secrets", named("registry", namespace=SPACES.workflows, type=kind)


@pytest.mark.parametrize(
    ("secrets", "status", "found"),
    [
        ([], CheckStatus.WRONG, "agent-cancellation has no Secret registry: nodes cannot pull the image"),
        (
            [pull_secret("Opaque")],
            CheckStatus.WRONG,
            "Secret registry in agent-cancellation has type Opaque: nodes ignore it",
        ),
        ([pull_secret("kubernetes.io/dockerconfigjson")], CheckStatus.OK, "Secret registry"),
    ],
)
def test_the_secrets_of_the_registry_must_be_where_the_pods_are(
    secrets: list[tuple[str, Json]], status: CheckStatus, found: str
) -> None:
    assert only(pull_secrets, pods(image_pull_secrets=("registry",)), *secrets) == (status, found)


def node(name: str, *, labels: dict[str, str] | None = None, taints: tuple[Json, ...] = ()) -> tuple[str, Json]:
    return "nodes", named(name, metadata={"labels": labels or {}}, spec={"taints": list(taints)})


POOL = {"example.com/pool": "ci"}
DEDICATED = {"key": "dedicated", "value": "ci", "effect": "NoSchedule"}


def test_a_node_must_have_the_labels_and_no_other_taint() -> None:
    settings = pods(node_selector=POOL, tolerations=(Toleration(key="dedicated", value="ci", effect="NoSchedule"),))
    fits = node("fits", labels=POOL, taints=(DEDICATED,))
    others = (
        node("plain"),
        node("spot", labels=POOL, taints=(DEDICATED, {"key": "spot", "effect": "NoExecute"})),
    )
    assert only(nodes, settings, fits, *others) == (CheckStatus.OK, "the pods may run on 1 of 3 nodes")
    status, found = only(nodes, settings, *others)
    assert status is CheckStatus.WARNING, "an autoscaler may start one"
    assert found.startswith("the pods may run on none of 2 nodes")


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        (Toleration(key="dedicated", value="ci", effect="NoSchedule"), True),
        (Toleration(key="dedicated", value="ci"), True),
        (Toleration(key="dedicated", operator="Exists"), True),
        (Toleration(operator="Exists"), True),
        (Toleration(key="dedicated", value="other"), False),
        (Toleration(key="dedicated", value="ci", effect="NoExecute"), False),
        (Toleration(key="spot", operator="Exists"), False),
    ],
)
def test_a_taint_is_tolerated_as_kubernetes_reads_it(toleration: Toleration, *, tolerated: bool) -> None:
    settings = pods(tolerations=(toleration,)).pods
    assert may_run(node("n", taints=(DEDICATED,))[1], pods=settings) is tolerated


def test_a_taint_that_only_prefers_other_pods_keeps_none_away() -> None:
    assert may_run(node("n", taints=(DEDICATED | {"effect": "PreferNoSchedule"},))[1], pods=DEFAULTS.pods)


def test_nothing_is_asked_about_pods_that_may_run_anywhere() -> None:
    assert examined(nodes, DEFAULTS, node("any")) == []
    assert examined(pull_secrets, DEFAULTS) == []


# The semaphore.


@pytest.mark.parametrize(
    ("text", "status"),
    [("10", CheckStatus.OK), ("11", CheckStatus.WARNING)]
    + [(text, CheckStatus.WRONG) for text in ("", "0", "-1", "many", "²", "9" * 5000)],
    ids=lambda each: str(each)[:8],
)
def test_a_semaphore_without_a_number_that_argo_reads_is_wrong(text: str, status: CheckStatus) -> None:
    body = named(LIMITS, namespace=SPACES.workflows, data={LIMITS_KEY: text})
    assert only(limits, DEFAULTS, ("configmaps", body))[0] is status


# Reconcile's interval.


def every(seconds: int) -> Settings:
    return replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, every_s=seconds))


def cron(*, ago_s: int) -> tuple[str, Json]:
    last = NOW.timestamp() - ago_s
    stamp = NOW.fromtimestamp(last, tz=NOW.tzinfo).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = cron_workflow(DEFAULTS)
    return "cronworkflows", body | {"status": {"lastScheduledTime": stamp}}


@pytest.mark.parametrize(
    ("seconds", "ago_s", "status"),
    [
        (30, 290, CheckStatus.OK),
        (30, 310, CheckStatus.WRONG),
        (3600, 3800, CheckStatus.OK),
        (3600, 3910, CheckStatus.WRONG),
    ],
)
def test_a_pass_is_late_by_its_own_interval(seconds: int, ago_s: int, status: CheckStatus) -> None:
    assert only(schedule, every(seconds), cron(ago_s=ago_s))[0] is status


def test_reconcile_that_is_off_is_reported_with_what_an_earlier_version_left() -> None:
    status, found = only(schedule, every(0))
    assert (status, "reconcile is off" in found) == (CheckStatus.WARNING, True)
    ((status, found, fix),) = examined(schedule, every(0), cron(ago_s=30))
    assert (status, "still runs reconcile" in found) == (CheckStatus.WARNING, True)
    assert fix == "kubectl -n agent-cancellation delete cronworkflow reconcile-cancellations"


def test_doctor_and_the_page_on_compatibility_call_the_same_releases_of_argo_tested() -> None:
    page = (Path(__file__).parents[3] / "docs" / "compatibility.md").read_text()
    (rows,) = re.findall(r"^\| Argo Workflows \|.*\n(?:\| \|.*\n)+", page, re.MULTILINE)
    found = re.findall(r"(\d+)\.(\d+) \([\d.]+\) \| tested", rows)
    assert {(int(major), int(minor)) for major, minor in found} == set(TESTED)


# OpenShift: its DNS listens on another port than its Service, and it gives pods their user.


def listening(namespace: str, name: str, *, on: int, port_name: str = "dns") -> list[tuple[str, Json]]:
    """A Service of DNS on port 53, whose pods listen on another port, and on one for metrics."""
    metrics = {"name": "metrics", "port": 9154}
    return [
        ("services", named(name, namespace=namespace, spec={"ports": [{"name": port_name, "port": 53}, metrics]})),
        ("endpointslices", named(f"{name}-x", namespace=namespace, ports=[{"name": port_name, "port": on}, metrics])),
    ]


def test_the_ports_of_dns_are_compared_and_those_of_its_metrics_are_not() -> None:
    openshift = listening("openshift-dns", "dns-default", on=5353)
    ((status, found, fix),) = examined(dns_ports, DEFAULTS, *openshift)
    assert status is CheckStatus.WRONG
    assert found == "the cluster's DNS listens on 5353, and the NetworkPolicy does not let the pods out to it"
    assert fix == "add 5353 to workflow.dns_ports, then render and apply"
    wider = replace(DEFAULTS, workflow=replace(DEFAULTS.workflow, dns_ports=(53, 5353)))
    assert only(dns_ports, wider, *openshift) == (CheckStatus.OK, "ports 53, 5353")
    assert only(dns_ports, DEFAULTS, *listening("kube-system", "kube-dns", on=53)) == (CheckStatus.OK, "ports 53")


def test_who_may_not_read_the_service_of_dns_is_told_so_and_needs_no_such_right() -> None:
    class Closed(Objects):
        def list(self, resource: Resource, *, namespace: str, labels: str = "", fields: str = "") -> list[Json]:
            del resource, namespace, labels, fields
            raise ForbiddenError("services is forbidden")

    kube: Any = Closed()
    installation = Installation(settings=DEFAULTS, kube=kube, now=NOW, env={})
    (found,) = dns_ports(installation, "dns")
    assert (found.status, found.fix) == (CheckStatus.INFO, "")
    assert found.found == "its ports were not compared with workflow.dns_ports: no permission to read its Service"


def test_a_cluster_whose_dns_has_another_name_is_no_finding() -> None:
    assert examined(dns_ports, DEFAULTS) == []


@pytest.mark.parametrize(
    ("fixed", "ranged", "expected"),
    [
        (True, False, []),
        (False, True, []),
        (True, True, ["OpenShift gives each pod in"] * 2),
        (False, False, ["nobody gives the pods in"] * 2),
    ],
)
def test_who_chooses_the_pods_user_is_compared_with_the_cluster(
    fixed: bool,  # noqa: FBT001 - a parameter of pytest
    ranged: bool,  # noqa: FBT001 - a parameter of pytest
    expected: list[str],
) -> None:
    settings = replace(DEFAULTS, pods=replace(DEFAULTS.pods, fixed_user=fixed))
    metadata = {"annotations": {"openshift.io/sa.scc.uid-range": "1000680000/10000"}} if ranged else {}
    there = [("namespaces", named(name, metadata=metadata)) for name in (SPACES.workflows, SPACES.events)]
    found = examined(users, settings, *there)
    assert [text[: len(begin)] for (_, text, _), begin in zip(found, expected, strict=True)] == expected
    assert all(status is CheckStatus.WARNING for status, _, _ in found)
