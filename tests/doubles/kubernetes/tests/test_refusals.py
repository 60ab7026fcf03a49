"""The words of refusals that no Role changes, as the API server says them: clients find the cause by these words."""

from __future__ import annotations

import pytest

from tests.doubles.kubernetes.tests.cluster import MERGE_PATCH, Cluster, config_map, said

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
NAME = "contract-of-refusals"


def test_a_namespace_that_is_being_deleted_takes_nothing_new(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{cluster.namespace}"
    held = {"metadata": {"finalizers": ["example.com/hold"]}}
    assert cluster.client.request("PATCH", path, held, content_type=MERGE_PATCH).status == 200
    cluster.client.request("DELETE", path)
    reply = cluster.post("configmaps", config_map("a"))
    released = {"metadata": {"finalizers": None}}
    cluster.client.request("PATCH", path, released, content_type=MERGE_PATCH)
    assert said(reply) == (403, "Forbidden")
    words = f"unable to create new content in namespace {cluster.namespace} because it is being terminated"
    assert words in reply.body["message"]


def test_a_quota_that_is_used_up_is_a_403(cluster: Cluster) -> None:
    if cluster.is_double:
        pytest.skip("the double has no admission; tests give it these words by a fault")
    quota = {"hard": {"count/configmaps": "0"}}
    path = f"/api/v1/namespaces/{cluster.namespace}/resourcequotas"
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": quota}
    assert cluster.client.request("POST", path, body).status == 201
    status = {"status": quota | {"used": {"count/configmaps": "0"}}}
    cluster.client.request("PATCH", f"{path}/team/status", status, content_type=MERGE_PATCH)
    refused = []

    def is_refused() -> bool:
        refused.append(cluster.post("configmaps", config_map("", generateName="a-")))
        return refused[-1].status != 201

    cluster.eventually(is_refused)
    assert said(refused[-1]) == (403, "Forbidden")
    assert "exceeded quota: team" in refused[-1].body["message"]


def test_a_policy_that_denies_is_a_422_with_its_name(cluster: Cluster) -> None:
    if cluster.is_double:
        pytest.skip("the double has no admission; tests give it these words by a fault")
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace}}
    policy = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
        "validations": [{"expression": "false", "message": "no ConfigMap may be created"}],
    }
    binding = {"policyName": NAME, "validationActions": ["Deny"]}
    kinds = (("ValidatingAdmissionPolicy", policy), ("ValidatingAdmissionPolicyBinding", binding))
    paths = [f"{ADMISSION}/validatingadmissionpolicies", f"{ADMISSION}/validatingadmissionpolicybindings"]
    for path, (kind, spec) in zip(paths, kinds, strict=True):
        body = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": NAME}, "spec": spec}
        assert cluster.client.request("POST", path, body).status == 201
    refused = []

    def is_refused() -> bool:
        refused.append(cluster.post("configmaps", config_map("", generateName="a-")))
        return refused[-1].status != 201

    try:
        cluster.eventually(is_refused)
    finally:
        for path in paths:
            cluster.client.request("DELETE", f"{path}/{NAME}")
    assert said(refused[-1]) == (422, "Invalid")
    words = f"ValidatingAdmissionPolicy '{NAME}' with binding '{NAME}' denied request: no ConfigMap may be created"
    assert words in refused[-1].body["message"]
