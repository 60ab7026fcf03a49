"""Custom resources: schema, status subresource and generation, on the double and on a real API server."""

import pytest

from tests.doubles.kubernetes.tests.cluster import Cluster, JsonObject, said
from tests.doubles.platform import CRD, agent_run

JSON = dict[str, object]


@pytest.fixture
def run(cluster: Cluster) -> JsonObject:
    """Return a stored CodeRun."""
    manifest = agent_run(task=7, name="a", namespace=cluster.namespace)
    created: JsonObject = cluster.post("coderuns", manifest).body
    return created


def test_the_definition_is_registered_once(cluster: Cluster) -> None:
    reply = cluster.client.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)
    assert said(reply) == (409, "AlreadyExists")


def test_a_definition_must_be_named_after_its_kind(cluster: Cluster) -> None:
    wrong = {**CRD, "metadata": {"name": "other.agents.platform"}}
    reply = cluster.client.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", wrong)
    assert said(reply) == (422, "Invalid")


def test_a_new_run_has_generation_one(run: JsonObject) -> None:
    assert run["metadata"]["generation"] == 1
    assert run["apiVersion"] == "agents.platform/v1"


def test_a_custom_resource_must_name_its_kind(cluster: Cluster) -> None:
    manifest = agent_run(task=7, name="a", namespace=cluster.namespace)
    del manifest["kind"]
    assert said(cluster.post("coderuns", manifest)) == (400, "BadRequest")


def test_an_unknown_field_is_pruned_with_a_warning(cluster: Cluster) -> None:
    manifest = agent_run(task=7, name="a", namespace=cluster.namespace)
    manifest["spec"]["terminate"] = True
    reply = cluster.post("coderuns", manifest)
    assert reply.status == 201
    assert "terminate" not in reply.body["spec"]
    assert reply.headers["Warning"] == '299 - "unknown field \\"spec.terminate\\""'
    assert "terminate" not in cluster.get("coderuns", "a").body["spec"]


def test_an_unknown_field_is_refused_in_strict_mode(cluster: Cluster, run: JsonObject) -> None:
    manifest = agent_run(task=7, name="b", namespace=cluster.namespace)
    manifest["spec"]["terminate"] = True
    reply = cluster.post("coderuns", manifest, fieldValidation="Strict")
    assert said(reply) == (400, "BadRequest")
    assert 'unknown field "spec.terminate"' in reply.body["message"]
    run["spec"]["terminate"] = True
    assert said(cluster.put("coderuns", "a", run, fieldValidation="Strict")) == (400, "BadRequest")


def test_a_patch_with_an_unknown_field_in_strict_mode_is_refused(cluster: Cluster, run: JsonObject) -> None:
    del run
    patch = {"spec": {"terminate": True}}
    reply = cluster.patch("coderuns", "a", patch, query={"fieldValidation": "Strict"})
    assert said(reply) == (422, "Invalid")
    assert 'unknown field "spec.terminate"' in reply.body["message"]
    assert "terminate" not in cluster.patch("coderuns", "a", patch).body["spec"]


def test_a_missing_required_field_is_named(cluster: Cluster) -> None:
    manifest = agent_run(task=7, name="a", namespace=cluster.namespace)
    del manifest["spec"]["model"]
    reply = cluster.post("coderuns", manifest)
    assert said(reply) == (422, "Invalid")
    causes = reply.body["details"]["causes"]
    assert causes == [{"reason": "FieldValueRequired", "message": "Required value", "field": "spec.model"}]
    assert reply.body["message"] == 'CodeRun.agents.platform "a" is invalid: spec.model: Required value'


def test_a_value_of_the_wrong_type_is_named(cluster: Cluster) -> None:
    manifest = agent_run(task=7, name="a", namespace=cluster.namespace)
    manifest["spec"]["taskId"] = "7"
    reply = cluster.post("coderuns", manifest)
    assert said(reply) == (422, "Invalid")
    cause = reply.body["details"]["causes"][0]
    assert (cause["reason"], cause["field"]) == ("FieldValueTypeInvalid", "spec.taskId")
    assert 'must be of type integer: "string"' in cause["message"]


def test_only_a_change_of_the_spec_raises_the_generation(cluster: Cluster, run: JsonObject) -> None:
    run["metadata"]["labels"] = {"a": "b"}
    labelled = cluster.put("coderuns", "a", run).body
    assert labelled["metadata"]["generation"] == 1
    labelled["spec"]["model"] = "another"
    labelled["metadata"]["generation"] = 40
    assert cluster.put("coderuns", "a", labelled).body["metadata"]["generation"] == 2


def test_a_status_is_ignored_outside_its_subresource(cluster: Cluster) -> None:
    manifest = agent_run(task=7, name="a", namespace=cluster.namespace, phase="Running")
    created = cluster.post("coderuns", manifest).body
    assert "status" not in created
    created["status"] = {"phase": "Running"}
    replaced = cluster.put("coderuns", "a", created).body
    assert "status" not in replaced
    assert replaced["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    assert "status" not in cluster.patch("coderuns", "a", {"status": {"phase": "Running"}}).body


def test_the_status_subresource_changes_nothing_but_the_status(cluster: Cluster, run: JsonObject) -> None:
    run["status"] = {"phase": "Running"}
    run["spec"]["model"] = "another"
    run["metadata"]["labels"] = {"a": "b"}
    reply = cluster.put("coderuns", "a", run, subresource="status")
    assert reply.status == 200
    stored = cluster.get("coderuns", "a").body
    assert stored["status"] == {"phase": "Running"}
    assert stored["spec"]["model"] == "a-model"
    assert stored["metadata"]["labels"]["task-id"] == "7"
    assert stored["metadata"]["generation"] == 1


def test_a_status_patch_keeps_the_rest_of_the_status(cluster: Cluster, run: JsonObject) -> None:
    del run
    cluster.patch("coderuns", "a", {"status": {"phase": "Running"}}, subresource="status")
    reply = cluster.patch("coderuns", "a", {"status": {"jobName": "j"}}, subresource="status")
    assert reply.body["status"] == {"phase": "Running", "jobName": "j"}


def test_a_status_of_the_wrong_type_is_refused(cluster: Cluster, run: JsonObject) -> None:
    del run
    reply = cluster.patch("coderuns", "a", {"status": {"retryCount": "many"}}, subresource="status")
    assert said(reply) == (422, "Invalid")


def test_a_stale_version_conflicts_on_the_status_too(cluster: Cluster, run: JsonObject) -> None:
    cluster.patch("coderuns", "a", {"status": {"phase": "Running"}}, subresource="status")
    run["status"] = {"phase": "Failed"}
    reply = cluster.put("coderuns", "a", run, subresource="status")
    assert said(reply) == (409, "Conflict")
    assert reply.body["details"] == {"name": "a", "group": "agents.platform", "kind": "coderuns"}
