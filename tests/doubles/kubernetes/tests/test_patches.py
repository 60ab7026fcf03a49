"""Merge patches and JSON patches, on the double and on a real API server."""

import pytest

from tests.doubles.kubernetes.tests.cluster import Cluster, config_map, said

JSON_PATCH = "application/json-patch+json"


@pytest.fixture
def version(cluster: Cluster) -> str:
    """Return the version of a stored ConfigMap."""
    created = cluster.post("configmaps", config_map("a", data={"x": "1", "y": "2"}, labels={"l": "1"}))
    return str(created.body["metadata"]["resourceVersion"])


def test_a_merge_patch_merges_objects_and_removes_nulls(cluster: Cluster, version: str) -> None:
    reply = cluster.patch("configmaps", "a", {"data": {"x": None, "z": "3"}, "metadata": {"labels": {"m": "2"}}})
    assert reply.status == 200
    assert reply.body["data"] == {"y": "2", "z": "3"}
    assert reply.body["metadata"]["labels"] == {"l": "1", "m": "2"}
    assert reply.body["metadata"]["resourceVersion"] != version


def test_a_version_in_a_merge_patch_is_a_precondition(cluster: Cluster, version: str) -> None:
    patch = {"metadata": {"resourceVersion": version}, "data": {"x": "2"}}
    assert cluster.patch("configmaps", "a", patch).status == 200
    reply = cluster.patch("configmaps", "a", patch)
    assert said(reply) == (409, "Conflict")
    assert "the object has been modified" in reply.body["message"]


def test_a_patch_cannot_change_the_uid(cluster: Cluster, version: str) -> None:
    del version
    patch = {"metadata": {"uid": "00000000-0000-0000-0000-000000000000"}, "data": {"x": "2"}}
    reply = cluster.patch("configmaps", "a", patch)
    assert said(reply) == (422, "Invalid")
    assert reply.body["details"]["causes"][0]["field"] == "metadata.uid"


def test_a_merge_patch_that_changes_nothing_keeps_the_version(cluster: Cluster, version: str) -> None:
    assert cluster.patch("configmaps", "a", {"data": {"x": "1"}}).body["metadata"]["resourceVersion"] == version


def test_a_patch_of_a_missing_object_is_refused(cluster: Cluster) -> None:
    assert said(cluster.patch("configmaps", "missing", {"data": {}})) == (404, "NotFound")
    assert said(cluster.patch("leases", "missing", {"spec": {}})) == (404, "NotFound")


def test_a_patch_cannot_rename(cluster: Cluster, version: str) -> None:
    del version
    assert said(cluster.patch("configmaps", "a", {"metadata": {"name": "b"}})) == (400, "BadRequest")


def test_a_json_patch_tests_before_it_changes(cluster: Cluster, version: str) -> None:
    del version
    change = [
        {"op": "test", "path": "/data/x", "value": "1"},
        {"op": "replace", "path": "/data/x", "value": "2"},
        {"op": "add", "path": "/metadata/labels/a~1b", "value": "c"},
        {"op": "remove", "path": "/data/y"},
    ]
    reply = cluster.patch("configmaps", "a", change, content_type=JSON_PATCH)
    assert reply.status == 200
    assert reply.body["data"] == {"x": "2"}
    assert reply.body["metadata"]["labels"] == {"l": "1", "a/b": "c"}
    again = cluster.patch("configmaps", "a", change, content_type=JSON_PATCH)
    assert said(again) == (422, "Invalid")
    assert cluster.get("configmaps", "a").body["data"] == {"x": "2"}


@pytest.mark.parametrize(("op", "path"), [("remove", "/data/missing"), ("replace", "/missing/x"), ("add", "/no/x")])
def test_a_json_patch_of_a_missing_field_is_refused(cluster: Cluster, version: str, op: str, path: str) -> None:
    del version
    change = [{"op": op, "path": path, "value": "1"}]
    assert said(cluster.patch("configmaps", "a", change, content_type=JSON_PATCH)) == (422, "Invalid")


def test_a_json_patch_that_replaces_a_missing_member_adds_it(cluster: Cluster, version: str) -> None:
    del version
    change = [{"op": "replace", "path": "/data/z", "value": "3"}]
    assert cluster.patch("configmaps", "a", change, content_type=JSON_PATCH).body["data"]["z"] == "3"


def test_a_json_patch_must_be_a_list(cluster: Cluster, version: str) -> None:
    del version
    assert said(cluster.patch("configmaps", "a", {"op": "test"}, content_type=JSON_PATCH)) == (400, "BadRequest")


def test_a_merge_patch_must_be_an_object(cluster: Cluster, version: str) -> None:
    del version
    assert said(cluster.patch("configmaps", "a", ["x"])) == (400, "BadRequest")


def test_an_unknown_patch_type_is_refused(cluster: Cluster, version: str) -> None:
    del version
    reply = cluster.patch("configmaps", "a", {"data": {}}, content_type="application/json")
    assert said(reply) == (415, "UnsupportedMediaType")


def test_a_patched_value_is_decoded_like_any_other(cluster: Cluster, version: str) -> None:
    del version
    assert said(cluster.patch("configmaps", "a", {"data": {"x": 7}})) == (422, "Invalid")
