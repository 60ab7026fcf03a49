"""What the shipped service accounts may do: exactly what is needed, nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import names
from tests.doubles.platform.client import Client
from tests.integration.control_plane.installation import Installation

pytestmark = pytest.mark.control_plane

Grants = set[tuple[str, str, str]]

# What Kubernetes itself gives every service account, from 1.37 on: its role system:cluster-trust-bundle-discovery.
EVERYBODYS: Grants = {("certificates.k8s.io", "clustertrustbundles", verb) for verb in ("get", "list", "watch")}
IN_WORKFLOWS: Grants = {
    ("coordination.k8s.io", "leases", "get"),
    ("coordination.k8s.io", "leases", "list"),
    ("coordination.k8s.io", "leases", "create"),
    ("coordination.k8s.io", "leases", "update"),
    ("", "pods", "get"),
    ("argoproj.io", "workflows", "list"),
    ("argoproj.io", "workflows", "patch"),
    ("", "events", "create"),
    ("", "configmaps/cancel-agents-breakers", "get"),
    ("", "configmaps/cancel-agents-breakers", "update"),
    ("argoproj.io", "workflowtaskresults", "create"),
    ("argoproj.io", "workflowtaskresults", "patch"),
}
IN_AGENTS: Grants = {
    ("agents.platform", "coderuns", "get"),
    ("agents.platform", "coderuns", "list"),
    ("agents.platform", "coderuns", "delete"),
    ("batch", "jobs", "list"),
    ("batch", "jobs", "delete"),
    ("", "pods", "list"),
    ("", "pods", "delete"),
    ("", "configmaps", "get"),
    ("", "configmaps", "update"),
    ("", "events", "create"),
}

RECONCILE_IN_WORKFLOWS: Grants = {
    ("coordination.k8s.io", "leases", "get"),
    ("coordination.k8s.io", "leases", "list"),
    ("coordination.k8s.io", "leases", "create"),
    ("coordination.k8s.io", "leases", "update"),
    ("coordination.k8s.io", "leases", "delete"),
    ("", "pods", "get"),
    ("", "pods", "list"),
    ("argoproj.io", "workflows", "list"),
    ("argoproj.io", "workflows", "create"),
    ("", "events", "create"),
    ("", "configmaps/cancel-agents-breakers", "get"),
    ("", "configmaps/cancel-agents-breakers", "update"),
    ("argoproj.io", "workflowtaskresults", "create"),
    ("argoproj.io", "workflowtaskresults", "patch"),
}
RECONCILE_IN_AGENTS: Grants = {
    ("agents.platform", "coderuns", "list"),
    ("", "configmaps", "get"),
    ("", "configmaps", "list"),
    ("", "configmaps", "update"),
}


def _as(installation: Installation, *, namespace: str, account: str, folder: Path) -> Client:
    path = installation.plane.service_account_kubeconfig(namespace, account, folder / account)
    return Client.from_kubeconfig(path)


def _granted(client: Client, namespace: str) -> Grants:
    """Everything the account may do to resources in a namespace, besides asking about itself and what everybody may."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = client.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)
    about_itself = {"authorization.k8s.io", "authentication.k8s.io"}
    granted = {
        (group, f"{resource}/{name}" if name else resource, verb)
        for rule in answer["status"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
        for verb in rule["verbs"]
        if group not in about_itself
    }
    return granted - EVERYBODYS


@pytest.fixture
def spaces(installation: Installation) -> tuple[str, str, str, str]:
    """The four kinds of namespaces: workflows, agents, events, and any other."""
    found = installation.settings.namespaces
    return found.workflows, found.agents[0], found.events, "kube-system"


def test_the_steps_may_do_what_they_need_and_nothing_else(
    installation: Installation, spaces: tuple[str, str, str, str], tmp_path: Path
) -> None:
    steps = _as(installation, namespace=spaces[0], account=names.STEPS_ACCOUNT, folder=tmp_path)
    assert [_granted(steps, space) for space in spaces] == [IN_WORKFLOWS, IN_AGENTS, set(), set()]


def test_reconcile_may_do_what_it_needs_and_nothing_else(
    installation: Installation, spaces: tuple[str, str, str, str], tmp_path: Path
) -> None:
    reconciler = _as(installation, namespace=spaces[0], account=names.RECONCILE, folder=tmp_path)
    expected = [RECONCILE_IN_WORKFLOWS, RECONCILE_IN_AGENTS, set(), set()]
    assert [_granted(reconciler, space) for space in spaces] == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/apis/agents.platform/v1/namespaces/{1}/coderuns/any"),
        ("DELETE", "/api/v1/namespaces/{0}/pods/any"),
        ("DELETE", "/apis/coordination.k8s.io/v1/namespaces/{0}/leases"),
        ("DELETE", "/apis/argoproj.io/v1alpha1/namespaces/{0}/workflows/any"),
        ("GET", "/api/v1/namespaces/{0}/secrets/agent-cancellation-github"),
        ("DELETE", "/api/v1/namespaces/{1}/configmaps/any"),
        ("GET", "/apis/coordination.k8s.io/v1/leases"),
    ],
)
def test_a_request_beyond_that_is_refused_to_reconcile(
    installation: Installation, spaces: tuple[str, str, str, str], tmp_path: Path, method: str, path: str
) -> None:
    reconciler = _as(installation, namespace=spaces[0], account=names.RECONCILE, folder=tmp_path)
    body: dict[str, str] | None = {} if method == "POST" else None
    assert reconciler.request(method, path.format(*spaces), body).status == 403


def test_the_sensor_may_create_workflows_and_nothing_else(
    installation: Installation, spaces: tuple[str, str, str, str], tmp_path: Path
) -> None:
    sensor = _as(installation, namespace=spaces[2], account=names.SENSOR_ACCOUNT, folder=tmp_path)
    expected = [{("argoproj.io", "workflows", "create")}, set(), set(), set()]
    assert [_granted(sensor, space) for space in spaces] == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/apis/coordination.k8s.io/v1/namespaces/{0}/leases/any"),
        ("GET", "/api/v1/namespaces/{0}/secrets/agent-cancellation-github"),
        ("DELETE", "/api/v1/namespaces/{0}/pods/any"),
        ("GET", "/api/v1/namespaces/{0}/configmaps/cancel-agents-limits"),
        ("POST", "/apis/argoproj.io/v1alpha1/namespaces/{0}/workflows"),
        ("DELETE", "/apis/argoproj.io/v1alpha1/namespaces/{0}/workflows/any"),
        ("DELETE", "/apis/agents.platform/v1/namespaces/{1}/coderuns"),
        ("DELETE", "/apis/batch/v1/namespaces/{0}/jobs/any"),
        ("DELETE", "/apis/batch/v1/namespaces/{1}/jobs"),
        ("POST", "/apis/batch/v1/namespaces/{1}/jobs"),
        ("POST", "/api/v1/namespaces/{1}/pods"),
        ("DELETE", "/api/v1/namespaces/{1}/configmaps/any"),
        ("GET", "/api/v1/namespaces/{1}/secrets"),
        ("GET", "/api/v1/pods"),
        ("GET", "/apis/agents.platform/v1/coderuns"),
    ],
)
def test_a_request_beyond_that_is_refused_to_the_steps(
    installation: Installation, spaces: tuple[str, str, str, str], tmp_path: Path, method: str, path: str
) -> None:
    steps = _as(installation, namespace=spaces[0], account=names.STEPS_ACCOUNT, folder=tmp_path)
    body: dict[str, str] | None = {} if method == "POST" else None
    assert steps.request(method, path.format(*spaces), body).status == 403
