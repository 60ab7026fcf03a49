"""Deleting: preconditions, finalizers, propagation and the life of pods, on the double and on a real API server."""

import pytest

from tests.doubles.kubernetes.tests.cluster import Cluster, JsonObject, config_map, job, owner_of, pod, said
from tests.doubles.platform import agent_run

UNKNOWN_UID = "00000000-0000-0000-0000-000000000000"
FINALIZER = "example.com/hold"
NODE = {"apiVersion": "v1", "kind": "Node", "name": "n1"}


def release(cluster: Cluster, plural: str, name: str) -> None:
    """Empty an object's finalizers."""
    assert cluster.patch(plural, name, {"metadata": {"finalizers": None}}).status == 200


def held_run(cluster: Cluster, name: str = "a") -> JsonObject:
    """Create a CodeRun with a finalizer."""
    manifest = agent_run(task=7, name=name, namespace=cluster.namespace)
    manifest["metadata"]["finalizers"] = [FINALIZER]
    created: JsonObject = cluster.post("coderuns", manifest).body
    return created


def scheduled_pod(cluster: Cluster, name: str, *, grace: int = 30) -> None:
    """Create a pod that is bound to a node."""
    manifest = pod(name)
    manifest["spec"]["terminationGracePeriodSeconds"] = grace
    assert cluster.post("pods", manifest).status == 201
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": NODE}
    assert cluster.client.request("POST", cluster.path("pods", name, "binding"), binding).status == 201


def test_a_deleted_object_is_gone_at_once(cluster: Cluster) -> None:
    created = cluster.post("configmaps", config_map("a")).body
    reply = cluster.delete("configmaps", "a")
    assert reply.status == 200
    assert (reply.body["kind"], reply.body["status"]) == ("Status", "Success")
    assert reply.body["details"] == {"name": "a", "kind": "configmaps", "uid": created["metadata"]["uid"]}
    assert said(cluster.delete("configmaps", "a")) == (404, "NotFound")


def test_a_uid_precondition_protects_the_namesake(cluster: Cluster) -> None:
    first = cluster.post("coderuns", agent_run(task=7, name="a", namespace=cluster.namespace)).body
    cluster.delete("coderuns", "a")
    second = cluster.post("coderuns", agent_run(task=7, name="a", namespace=cluster.namespace)).body
    reply = cluster.delete("coderuns", "a", {"preconditions": {"uid": first["metadata"]["uid"]}})
    assert said(reply) == (409, "Conflict")
    assert "the UID in the precondition" in reply.body["message"]
    assert cluster.get("coderuns", "a").status == 200
    assert cluster.delete("coderuns", "a", {"preconditions": {"uid": second["metadata"]["uid"]}}).status == 200


def test_a_version_precondition_protects_what_has_changed(cluster: Cluster) -> None:
    created = cluster.post("coderuns", agent_run(task=7, name="a", namespace=cluster.namespace)).body
    version = created["metadata"]["resourceVersion"]
    changed = cluster.patch("coderuns", "a", {"status": {"phase": "Succeeded"}}, subresource="status").body
    reply = cluster.delete("coderuns", "a", {"preconditions": {"resourceVersion": version}})
    assert said(reply) == (409, "Conflict")
    assert "the ResourceVersion in the precondition" in reply.body["message"]
    present = {"uid": changed["metadata"]["uid"], "resourceVersion": changed["metadata"]["resourceVersion"]}
    assert cluster.delete("coderuns", "a", {"preconditions": present}).status == 200


def test_options_may_come_in_the_query(cluster: Cluster) -> None:
    held_run(cluster)
    reply = cluster.delete("coderuns", "a", propagationPolicy="Foreground")
    assert "foregroundDeletion" in reply.body["metadata"]["finalizers"]


def test_an_unknown_propagation_is_refused(cluster: Cluster) -> None:
    held_run(cluster)
    assert said(cluster.delete("coderuns", "a", {"propagationPolicy": "Sideways"})) == (422, "Invalid")


def test_an_object_with_finalizers_stays_until_they_are_gone(cluster: Cluster) -> None:
    created = held_run(cluster)
    reply = cluster.delete("coderuns", "a")
    assert reply.status == 200
    assert reply.body["kind"] == "CodeRun"
    metadata = cluster.get("coderuns", "a").body["metadata"]
    assert metadata["deletionTimestamp"]
    assert metadata["deletionGracePeriodSeconds"] == 0
    assert metadata["generation"] == created["metadata"]["generation"] + 1
    release(cluster, "coderuns", "a")
    assert cluster.is_gone("coderuns", "a")


def test_a_second_delete_changes_nothing(cluster: Cluster) -> None:
    held_run(cluster)
    first = cluster.delete("coderuns", "a").body
    second = cluster.delete("coderuns", "a")
    assert second.status == 200
    assert second.body["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_second_delete_still_checks_its_preconditions(cluster: Cluster) -> None:
    held_run(cluster)
    cluster.delete("coderuns", "a")
    assert said(cluster.delete("coderuns", "a", {"preconditions": {"uid": UNKNOWN_UID}})) == (409, "Conflict")


def test_an_object_that_is_being_deleted_can_change_but_not_be_held_anew(cluster: Cluster) -> None:
    held_run(cluster)
    cluster.delete("coderuns", "a")
    assert cluster.patch("coderuns", "a", {"metadata": {"labels": {"a": "b"}}}).status == 200
    assert cluster.patch("coderuns", "a", {"status": {"phase": "Failed"}}, subresource="status").status == 200
    reply = cluster.patch("coderuns", "a", {"metadata": {"finalizers": [FINALIZER, "example.com/more"]}})
    assert said(reply) == (422, "Invalid")
    assert "no new finalizers can be added if the object is being deleted" in reply.body["message"]
    cluster.patch("coderuns", "a", {"metadata": {"deletionTimestamp": None}})
    assert cluster.get("coderuns", "a").body["metadata"]["deletionTimestamp"]


def test_a_put_that_empties_the_finalizers_removes_the_object(cluster: Cluster) -> None:
    held_run(cluster)
    deleting = cluster.delete("coderuns", "a").body
    del deleting["metadata"]["finalizers"]
    assert cluster.put("coderuns", "a", deleting).status == 200
    assert cluster.is_gone("coderuns", "a")


def test_dependents_follow_an_owner_that_is_deleted_in_the_background(cluster: Cluster) -> None:
    owner = cluster.post("configmaps", config_map("owner")).body
    cluster.post("configmaps", config_map("child", ownerReferences=owner_of(owner)))
    cluster.delete("configmaps", "owner", {"propagationPolicy": "Background"})
    assert cluster.is_gone("configmaps", "owner")
    cluster.eventually(lambda: cluster.is_gone("configmaps", "child"))


def test_a_foreground_owner_waits_for_dependents_that_block_it(cluster: Cluster) -> None:
    owner = cluster.post("coderuns", agent_run(task=7, name="owner", namespace=cluster.namespace)).body
    cluster.post("configmaps", config_map("child", ownerReferences=owner_of(owner), finalizers=[FINALIZER]))
    reply = cluster.delete("coderuns", "owner", {"propagationPolicy": "Foreground"})
    assert reply.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    cluster.eventually(lambda: cluster.get("configmaps", "child").body["metadata"].get("deletionTimestamp"))
    assert cluster.get("coderuns", "owner").status == 200
    release(cluster, "configmaps", "child")
    cluster.eventually(lambda: cluster.is_gone("coderuns", "owner"))


def test_a_foreground_owner_does_not_wait_for_dependents_that_do_not_block_it(cluster: Cluster) -> None:
    owner = cluster.post("coderuns", agent_run(task=7, name="owner", namespace=cluster.namespace)).body
    child = config_map("child", ownerReferences=owner_of(owner, block=False), finalizers=[FINALIZER])
    cluster.post("configmaps", child)
    cluster.delete("coderuns", "owner", {"propagationPolicy": "Foreground"})
    cluster.eventually(lambda: cluster.is_gone("coderuns", "owner"))
    cluster.eventually(lambda: cluster.get("configmaps", "child").body["metadata"].get("deletionTimestamp"))
    release(cluster, "configmaps", "child")


def test_orphans_stay_and_lose_their_reference(cluster: Cluster) -> None:
    owner = cluster.post("coderuns", agent_run(task=7, name="owner", namespace=cluster.namespace)).body
    cluster.post("configmaps", config_map("child", ownerReferences=owner_of(owner)))
    cluster.delete("coderuns", "owner", {"propagationPolicy": "Orphan"})
    cluster.eventually(lambda: cluster.is_gone("coderuns", "owner"))
    assert "ownerReferences" not in cluster.get("configmaps", "child").body["metadata"]


@pytest.mark.parametrize("policy", ["Foreground", "Background"])
@pytest.mark.parametrize("block", [True, False], ids=["blocking", "not blocking"])
def test_a_run_that_another_run_owns_dies_with_it_any_number_of_references_away(
    cluster: Cluster, policy: str, *, block: bool
) -> None:
    owner = cluster.post("coderuns", agent_run(task=7, name="owner", namespace=cluster.namespace)).body
    between = config_map("between", ownerReferences=owner_of(owner, block=block))
    middle = cluster.post("configmaps", between).body
    child = agent_run(task=7, name="child", namespace=cluster.namespace)
    child["metadata"]["ownerReferences"] = owner_of(middle, block=block)
    cluster.post("coderuns", child)
    cluster.delete("coderuns", "owner", {"propagationPolicy": policy})
    cluster.eventually(lambda: cluster.is_gone("coderuns", "child"))
    cluster.eventually(lambda: cluster.is_gone("coderuns", "owner"))
    assert cluster.is_gone("configmaps", "between")


def test_owners_in_a_circle_are_deleted_all_the_same(cluster: Cluster) -> None:
    first = cluster.post("configmaps", config_map("first")).body
    second = cluster.post("configmaps", config_map("second", ownerReferences=owner_of(first))).body
    cluster.patch("configmaps", "first", {"metadata": {"ownerReferences": owner_of(second)}})
    cluster.delete("configmaps", "first", {"propagationPolicy": "Foreground"})
    cluster.eventually(lambda: cluster.is_gone("configmaps", "first") and cluster.is_gone("configmaps", "second"))


def test_an_owner_that_never_existed_does_not_keep_its_dependents(cluster: Cluster) -> None:
    missing = {"apiVersion": "v1", "kind": "ConfigMap", "name": "missing", "uid": UNKNOWN_UID}
    cluster.post("configmaps", config_map("child", ownerReferences=[missing]))
    cluster.eventually(lambda: cluster.is_gone("configmaps", "child"))


def test_one_living_owner_keeps_a_dependent(cluster: Cluster) -> None:
    owner = cluster.post("configmaps", config_map("owner")).body
    other = cluster.post("configmaps", config_map("other")).body
    references = [{**owner_of(each)[0], "controller": False} for each in (owner, other)]
    cluster.post("configmaps", config_map("child", ownerReferences=references))
    cluster.delete("configmaps", "owner")

    def owners() -> list[str]:
        child = cluster.get("configmaps", "child").body
        return [each["name"] for each in child["metadata"]["ownerReferences"]]

    cluster.eventually(lambda: owners() == ["other"])


def test_a_foreground_owner_does_not_wait_for_a_dependent_that_another_owner_keeps(cluster: Cluster) -> None:
    owner = cluster.post("configmaps", config_map("owner")).body
    other = cluster.post("configmaps", config_map("other")).body
    references = [{**owner_of(each)[0], "controller": False, "blockOwnerDeletion": True} for each in (owner, other)]
    cluster.post("configmaps", config_map("child", ownerReferences=references))
    cluster.delete("configmaps", "owner", {"propagationPolicy": "Foreground"})
    cluster.eventually(lambda: cluster.is_gone("configmaps", "owner"))
    (left,) = cluster.get("configmaps", "child").body["metadata"]["ownerReferences"]
    assert left["name"] == "other"


@pytest.mark.parametrize(
    ("options", "finalizers"),
    [
        ({}, ["orphan"]),
        ({"propagationPolicy": "Foreground"}, ["foregroundDeletion"]),
    ],
    ids=["by default", "foreground"],
)
def test_a_job_orphans_its_pods_unless_the_request_says_otherwise(
    cluster: Cluster, options: JsonObject, finalizers: list[str]
) -> None:
    cluster.post("jobs", job("a"))
    cluster.eventually(lambda: cluster.names("pods", labelSelector="job-name=a"))
    reply = cluster.delete("jobs", "a", options)
    assert reply.body["metadata"]["finalizers"] == finalizers
    if options:
        cluster.eventually(lambda: cluster.names("pods", labelSelector="job-name=a") == [])
    cluster.eventually(lambda: cluster.is_gone("jobs", "a"))
    assert bool(cluster.names("pods", labelSelector="job-name=a")) is not bool(options)


def test_a_run_deleted_in_the_foreground_outlives_its_job_and_the_job_its_pod(cluster: Cluster) -> None:
    run = cluster.post("coderuns", agent_run(task=7, name="a", namespace=cluster.namespace)).body
    cluster.post("jobs", job("a", ownerReferences=owner_of(run)))
    cluster.eventually(lambda: cluster.names("pods", labelSelector="job-name=a"))
    name = cluster.names("pods", labelSelector="job-name=a")[0]
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": NODE}
    cluster.client.request("POST", cluster.path("pods", name, "binding"), binding)
    cluster.delete("coderuns", "a", {"propagationPolicy": "Foreground"})
    cluster.eventually(lambda: cluster.get("pods", name).body["metadata"].get("deletionTimestamp"))
    assert cluster.get("jobs", "a").body["metadata"]["deletionTimestamp"]
    assert cluster.get("coderuns", "a").status == 200
    cluster.delete("pods", name, {"gracePeriodSeconds": 0})
    cluster.eventually(lambda: cluster.is_gone("coderuns", "a"))
    assert cluster.is_gone("jobs", "a")
    assert cluster.is_gone("pods", name)


def test_a_pod_without_node_is_gone_at_once(cluster: Cluster) -> None:
    cluster.post("pods", pod("a"))
    reply = cluster.delete("pods", "a")
    assert reply.body["kind"] == "Pod"
    assert cluster.is_gone("pods", "a")


def test_a_scheduled_pod_gets_its_own_grace(cluster: Cluster) -> None:
    scheduled_pod(cluster, "a", grace=7)
    metadata = cluster.delete("pods", "a").body["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 7
    assert cluster.get("pods", "a").body["metadata"]["deletionTimestamp"] == metadata["deletionTimestamp"]


def test_a_grace_period_can_be_given_and_only_be_shortened(cluster: Cluster) -> None:
    scheduled_pod(cluster, "a")
    assert cluster.delete("pods", "a", {"gracePeriodSeconds": 20}).body["metadata"]["deletionGracePeriodSeconds"] == 20
    assert cluster.delete("pods", "a", {"gracePeriodSeconds": 25}).body["metadata"]["deletionGracePeriodSeconds"] == 20
    assert cluster.delete("pods", "a").body["metadata"]["deletionGracePeriodSeconds"] == 20
    assert cluster.delete("pods", "a", {"gracePeriodSeconds": 5}).body["metadata"]["deletionGracePeriodSeconds"] == 5
    cluster.delete("pods", "a", {"gracePeriodSeconds": 0})
    assert cluster.is_gone("pods", "a")


def test_a_scheduled_pod_can_be_forced_at_once(cluster: Cluster) -> None:
    scheduled_pod(cluster, "a")
    cluster.delete("pods", "a", gracePeriodSeconds="0")
    assert cluster.is_gone("pods", "a")


def test_a_finished_pod_is_gone_at_once(cluster: Cluster) -> None:
    scheduled_pod(cluster, "a")
    cluster.patch("pods", "a", {"status": {"phase": "Succeeded"}}, subresource="status")
    cluster.delete("pods", "a")
    assert cluster.is_gone("pods", "a")


def test_a_forced_pod_with_a_finalizer_stays_until_it_is_released(cluster: Cluster) -> None:
    manifest = pod("a", finalizers=[FINALIZER])
    cluster.post("pods", manifest)
    cluster.delete("pods", "a", {"gracePeriodSeconds": 0})
    assert cluster.get("pods", "a").body["metadata"]["deletionGracePeriodSeconds"] == 0
    release(cluster, "pods", "a")
    assert cluster.is_gone("pods", "a")


def test_a_pod_is_bound_only_once(cluster: Cluster) -> None:
    scheduled_pod(cluster, "a")
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, "target": {**NODE, "name": "n2"}}
    assert said(cluster.client.request("POST", cluster.path("pods", "a", "binding"), binding)) == (409, "Conflict")


def test_a_grace_period_means_nothing_to_other_kinds(cluster: Cluster) -> None:
    held_run(cluster)
    metadata = cluster.delete("coderuns", "a", {"gracePeriodSeconds": 30}).body["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 0


def test_a_collection_is_deleted_by_selector(cluster: Cluster) -> None:
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "2"})):
        cluster.post("configmaps", config_map(name, labels=labels))
    reply = cluster.client.request("DELETE", cluster.path("configmaps"), query={"labelSelector": "x=1"})
    assert reply.status == 200
    assert cluster.names("configmaps", labelSelector="x") == ["b"]


def test_a_deleted_namespace_takes_everything_along_and_accepts_nothing_new(cluster: Cluster) -> None:
    name = f"{cluster.namespace}-extra"
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    assert cluster.client.request("POST", "/api/v1/namespaces", home).status == 201
    path = cluster.path("configmaps", namespace=name)
    cluster.client.request("POST", path, config_map("a", finalizers=[FINALIZER]))
    cluster.client.request("DELETE", f"/api/v1/namespaces/{name}")
    refused = cluster.client.request("POST", path, config_map("b"))
    assert said(refused) == (403, "Forbidden")
    assert "is being terminated" in refused.body["message"]
    cluster.eventually(lambda: cluster.client.request("GET", f"{path}/a").body["metadata"].get("deletionTimestamp"))
    patch = {"metadata": {"finalizers": None}}
    cluster.client.request("PATCH", f"{path}/a", patch, content_type="application/merge-patch+json")
    cluster.eventually(lambda: cluster.client.request("GET", f"/api/v1/namespaces/{name}").status == 404)
