"""Creating, reading and replacing objects: the same rules on the double and on a real API server."""

import pytest

from tests.doubles.kubernetes.tests.cluster import Cluster, config_map, job, lease, pod, said
from tests.doubles.platform import agent_run

MEBIBYTE = 1024 * 1024


def test_a_created_object_gets_identity_time_and_version(cluster: Cluster) -> None:
    reply = cluster.post("configmaps", config_map("a", data={"x": "1"}))
    assert reply.status == 201
    metadata = reply.body["metadata"]
    assert metadata["uid"]
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    assert "generation" not in metadata
    assert metadata["namespace"] == cluster.namespace
    assert cluster.get("configmaps", "a").body["data"] == {"x": "1"}


def test_a_missing_object_is_named_in_the_refusal(cluster: Cluster) -> None:
    reply = cluster.get("leases", "a")
    assert said(reply) == (404, "NotFound")
    assert reply.body["message"] == 'leases.coordination.k8s.io "a" not found'
    assert reply.body["details"] == {"name": "a", "group": "coordination.k8s.io", "kind": "leases"}


def test_creating_an_object_twice_is_refused(cluster: Cluster) -> None:
    cluster.post("configmaps", config_map("a"))
    reply = cluster.post("configmaps", config_map("a"))
    assert said(reply) == (409, "AlreadyExists")
    assert reply.body["message"] == 'configmaps "a" already exists'


def test_creating_in_a_missing_namespace_names_the_namespace(cluster: Cluster) -> None:
    reply = cluster.client.request("POST", cluster.path("configmaps", namespace="missing"), config_map("a"))
    assert said(reply) == (404, "NotFound")
    assert reply.body["message"] == 'namespaces "missing" not found'
    assert reply.body["details"] == {"name": "missing", "kind": "namespaces"}


def test_an_unknown_resource_is_refused_in_plain_text(cluster: Cluster) -> None:
    reply = cluster.client.request("GET", f"/apis/unknown.example/v1/namespaces/{cluster.namespace}/things")
    assert (reply.status, reply.text) == (404, "404 page not found\n")


@pytest.mark.parametrize("path", ["coordination.k8s.io/v1/{}/things", "coordination.k8s.io/v9/{}/leases"])
def test_an_unknown_resource_of_a_known_group_is_refused_as_status(cluster: Cluster, path: str) -> None:
    reply = cluster.client.request("GET", "/apis/" + path.format(f"namespaces/{cluster.namespace}"))
    assert said(reply) == (404, "NotFound")
    assert reply.body["message"] == "the server could not find the requested resource"


@pytest.mark.parametrize(("method", "name"), [("PUT", ""), ("POST", "a")])
def test_a_method_that_a_path_does_not_have_is_refused(cluster: Cluster, method: str, name: str) -> None:
    reply = cluster.client.request(method, cluster.path("leases", name), lease("a"))
    assert said(reply) == (405, "MethodNotAllowed")


def test_generate_name_appends_a_suffix(cluster: Cluster) -> None:
    names = {cluster.post("configmaps", config_map("", generateName="a-")).body["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("a-") and len(name) == 7 for name in names)


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "dot.", "a" * 254])
def test_an_invalid_name_is_refused(cluster: Cluster, name: str) -> None:
    reply = cluster.post("configmaps", config_map(name))
    assert said(reply) == (422, "Invalid")
    assert reply.body["details"]["causes"][0]["field"] == "metadata.name"


def test_an_object_without_any_name_is_refused(cluster: Cluster) -> None:
    reply = cluster.post("configmaps", config_map(""))
    assert said(reply) == (422, "Invalid")
    assert "name or generateName is required" in reply.body["message"]


@pytest.mark.parametrize("labels", [{"a b": "c"}, {"a": "b c"}, {"a": "x" * 64}, {"a": "-b"}])
def test_an_invalid_label_is_refused(cluster: Cluster, labels: dict[str, str]) -> None:
    reply = cluster.post("configmaps", config_map("a", labels=labels))
    assert said(reply) == (422, "Invalid")
    assert reply.body["details"]["causes"][0]["field"] == "metadata.labels"


def test_a_label_that_is_no_text_cannot_be_decoded(cluster: Cluster) -> None:
    assert said(cluster.post("configmaps", config_map("a", labels={"task": 7}))) == (400, "BadRequest")


def test_data_that_is_no_text_cannot_be_decoded(cluster: Cluster) -> None:
    body = {**config_map("a"), "data": {"x": 7}}
    assert said(cluster.post("configmaps", body)) == (400, "BadRequest")


def test_a_body_that_is_no_json_cannot_be_decoded(cluster: Cluster) -> None:
    reply = cluster.client.request("POST", cluster.path("configmaps"), b"{")
    assert said(reply) == (400, "BadRequest")


def test_a_body_of_another_kind_is_refused(cluster: Cluster) -> None:
    assert said(cluster.post("configmaps", lease("a"))) == (400, "BadRequest")


def test_a_namespace_in_the_body_must_be_the_one_in_the_path(cluster: Cluster) -> None:
    assert said(cluster.post("configmaps", config_map("a", namespace="default"))) == (400, "BadRequest")
    created = cluster.post("configmaps", config_map("a")).body
    created["metadata"]["namespace"] = "default"
    assert said(cluster.put("configmaps", "a", created)) == (400, "BadRequest")


def test_a_name_in_the_body_must_be_the_one_in_the_path(cluster: Cluster) -> None:
    cluster.post("configmaps", config_map("a"))
    assert said(cluster.put("configmaps", "a", config_map("b"))) == (400, "BadRequest")


def test_a_resource_version_must_not_be_set_on_creation(cluster: Cluster) -> None:
    assert cluster.post("configmaps", config_map("a", resourceVersion="7")).status == 500


def test_a_stale_version_conflicts(cluster: Cluster) -> None:
    first = cluster.post("configmaps", config_map("a", data={"x": "1"})).body
    second = cluster.put("configmaps", "a", {**first, "data": {"x": "2"}})
    assert second.status == 200
    assert int(second.body["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    reply = cluster.put("configmaps", "a", {**first, "data": {"x": "3"}})
    assert said(reply) == (409, "Conflict")
    assert "the object has been modified" in reply.body["message"]
    assert reply.body["details"] == {"name": "a", "kind": "configmaps"}


@pytest.mark.parametrize("plural", ["configmaps", "pods", "jobs"])
def test_a_put_without_version_overwrites_where_the_kind_allows_it(cluster: Cluster, plural: str) -> None:
    manifests = {"configmaps": config_map("a"), "pods": pod("a"), "jobs": job("a")}
    created = cluster.post(plural, manifests[plural]).body
    del created["metadata"]["resourceVersion"]
    created["metadata"]["labels"] = {"a": "b"}
    assert cluster.put(plural, "a", created).status == 200


@pytest.mark.parametrize("plural", ["leases", "coderuns"])
def test_a_put_without_version_is_refused_where_the_kind_demands_one(cluster: Cluster, plural: str) -> None:
    manifests = {
        "leases": lease("a"),
        "coderuns": agent_run(task=1, name="a", namespace=cluster.namespace),
    }
    created = cluster.post(plural, manifests[plural]).body
    del created["metadata"]["resourceVersion"]
    reply = cluster.put(plural, "a", created)
    assert said(reply) == (422, "Invalid")
    assert reply.body["details"]["causes"][0]["field"] == "metadata.resourceVersion"
    assert "must be specified for an update" in reply.body["message"]


def test_a_put_of_another_uid_conflicts(cluster: Cluster) -> None:
    created = cluster.post("configmaps", config_map("a")).body
    created["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    assert said(cluster.put("configmaps", "a", created)) == (409, "Conflict")


def test_a_put_that_changes_nothing_keeps_the_version(cluster: Cluster) -> None:
    created = cluster.post("configmaps", config_map("a", data={"x": "1"})).body
    reply = cluster.put("configmaps", "a", created)
    assert reply.status == 200
    assert reply.body["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


def test_a_creation_time_from_a_client_is_ignored(cluster: Cluster) -> None:
    created = cluster.post("configmaps", config_map("a", creationTimestamp="2020-01-01T00:00:00Z")).body
    moment = created["metadata"]["creationTimestamp"]
    assert moment > "2020-01-01T00:00:00Z"
    created["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
    assert cluster.put("configmaps", "a", created).body["metadata"]["creationTimestamp"] == moment


def test_a_put_of_a_missing_object_creates_leases_but_not_config_maps(cluster: Cluster) -> None:
    assert said(cluster.put("configmaps", "a", config_map("a"))) == (404, "NotFound")
    assert cluster.put("leases", "a", lease("a", holderIdentity="me")).status == 201
    assert cluster.get("leases", "a").body["spec"]["holderIdentity"] == "me"


def test_a_put_of_a_deleted_lease_brings_it_back_unless_the_uid_is_sent(cluster: Cluster) -> None:
    created = cluster.post("leases", lease("a", holderIdentity="me")).body
    cluster.delete("leases", "a")
    assert said(cluster.put("leases", "a", created)) == (409, "Conflict")
    assert cluster.is_gone("leases", "a")
    del created["metadata"]["uid"]
    assert cluster.put("leases", "a", created).status == 201


def test_a_dry_run_changes_nothing(cluster: Cluster) -> None:
    assert cluster.post("configmaps", config_map("a"), dryRun="All").status == 201
    assert cluster.is_gone("configmaps", "a")
    created = cluster.post("configmaps", config_map("a", data={"x": "1"})).body
    assert cluster.put("configmaps", "a", {**created, "data": {"x": "2"}}, dryRun="All").body["data"] == {"x": "2"}
    assert cluster.delete("configmaps", "a", dryRun="All").status == 200
    assert cluster.get("configmaps", "a").body["data"] == {"x": "1"}


def test_a_config_map_of_more_than_a_mebibyte_is_refused(cluster: Cluster) -> None:
    assert cluster.post("configmaps", config_map("a", data={"x": "y" * MEBIBYTE})).status == 201
    reply = cluster.post("configmaps", config_map("b", data={"x": "y" * (MEBIBYTE + 1)}))
    assert said(reply) == (422, "Invalid")
    assert "Too long" in reply.body["message"]


def test_the_data_of_an_immutable_config_map_cannot_be_changed(cluster: Cluster) -> None:
    created = cluster.post("configmaps", {**config_map("a", data={"x": "1"}), "immutable": True}).body
    for change, field in (({"data": {"x": "2"}}, "data"), ({"immutable": False}, "immutable")):
        reply = cluster.put("configmaps", "a", {**created, **change})
        assert said(reply) == (422, "Invalid")
        assert f"{field}: Forbidden: field is immutable when `immutable` is set" in reply.body["message"]
    labelled = {**created, "metadata": {**created["metadata"], "labels": {"a": "b"}}}
    assert cluster.put("configmaps", "a", labelled).status == 200
    assert cluster.delete("configmaps", "a").status == 200


def test_annotations_of_more_than_256_kibibytes_are_refused(cluster: Cluster) -> None:
    assert cluster.post("configmaps", config_map("a", annotations={"x": "y" * (MEBIBYTE // 4 - 1)})).status == 201
    reply = cluster.post("configmaps", config_map("b", annotations={"x": "y" * (MEBIBYTE // 4)}))
    assert said(reply) == (422, "Invalid")
    assert reply.body["details"]["causes"][0]["field"] == "metadata.annotations"


def test_a_body_of_more_than_three_mebibytes_is_refused(cluster: Cluster) -> None:
    reply = cluster.post("configmaps", config_map("a", data={"x": "y" * (3 * MEBIBYTE)}))
    assert said(reply) == (413, "RequestEntityTooLarge")


def test_lease_times_need_microseconds(cluster: Cluster) -> None:
    assert said(cluster.post("leases", lease("a", renewTime="2026-01-01T00:00:00Z"))) == (400, "BadRequest")
    reply = cluster.post("leases", lease("a", renewTime="2026-01-01T00:00:00.000000Z"))
    assert reply.status == 201
    assert reply.body["spec"]["renewTime"] == "2026-01-01T00:00:00.000000Z"


def test_a_lease_duration_must_be_positive(cluster: Cluster) -> None:
    reply = cluster.post("leases", lease("a", leaseDurationSeconds=0))
    assert said(reply) == (422, "Invalid")
    assert reply.body["details"]["causes"][0]["field"] == "spec.leaseDurationSeconds"


def test_a_lease_holder_may_be_empty(cluster: Cluster) -> None:
    assert cluster.post("leases", lease("a", holderIdentity="", leaseTransitions=0)).status == 201


def test_an_event_must_be_in_the_namespace_of_what_it_involves(cluster: Cluster) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "a"},
        "involvedObject": {"kind": "Lease", "name": "a", "namespace": "default"},
        "reason": "Cancelled",
        "type": "Normal",
    }
    assert said(cluster.post("events", event)) == (422, "Invalid")
    event["involvedObject"] = {"kind": "Lease", "name": "a", "namespace": cluster.namespace}
    assert cluster.post("events", event).status == 201


def test_an_owner_reference_needs_a_uid(cluster: Cluster) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "b", "uid": ""}
    assert said(cluster.post("configmaps", config_map("a", ownerReferences=[owner]))) == (422, "Invalid")


def test_unknown_fields_of_built_in_kinds_are_dropped_or_refused_on_demand(cluster: Cluster) -> None:
    body = {**lease("a"), "spec": {"epoch": 7}}
    reply = cluster.post("leases", body, fieldValidation="Strict")
    assert said(reply) == (400, "BadRequest")
    assert 'unknown field "spec.epoch"' in reply.body["message"]
    assert "epoch" not in cluster.post("leases", body).body["spec"]
