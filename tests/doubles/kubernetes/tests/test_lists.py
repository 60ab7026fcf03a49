"""Lists, pages, selectors and watches, on the double and on a real API server."""

import threading

import pytest

from tests.doubles.kubernetes.tests.cluster import Cluster, lease, pod, said
from tests.doubles.platform import agent_run

PARTIAL = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PARTIAL_ONE = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


@pytest.fixture
def labelled(cluster: Cluster) -> Cluster:
    """Return a server with three labelled leases."""
    for name, labels in (("a", {"task": "1", "phase": "done"}), ("b", {"task": "2"}), ("c", {"task": "2", "x/y": ""})):
        cluster.post("leases", {**lease(name), "metadata": {"name": name, "labels": labels}})
    return cluster


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", "abc"),
        ("task=2", "bc"),
        ("task==2", "bc"),
        ("task!=2", "a"),
        ("phase!=done", "bc"),
        ("task in (1, 2)", "abc"),
        ("task in (1)", "a"),
        ("task notin (1)", "bc"),
        ("phase notin (done)", "bc"),
        ("phase", "a"),
        ("!phase", "bc"),
        ("x/y", "c"),
        ("x/y=", "c"),
        ("task=2,!x/y", "b"),
        ("task in (1,2),phase=done", "a"),
        ("task=3", ""),
    ],
)
def test_a_label_selector_selects(labelled: Cluster, selector: str, expected: str) -> None:
    assert "".join(labelled.names("leases", labelSelector=selector)) == expected


@pytest.mark.parametrize("selector", ["task in 1", "task=1=2", "a b", "task==="])
def test_a_broken_label_selector_is_refused(labelled: Cluster, selector: str) -> None:
    assert said(labelled.page("leases", labelSelector=selector)) == (400, "BadRequest")


def test_a_field_selector_selects_by_name(labelled: Cluster) -> None:
    assert labelled.names("leases", fieldSelector="metadata.name=b") == ["b"]
    assert labelled.names("leases", fieldSelector="metadata.name!=b") == ["a", "c"]
    assert labelled.names("leases", fieldSelector=f"metadata.namespace={labelled.namespace}") == ["a", "b", "c"]


def test_an_unknown_field_selector_is_refused(labelled: Cluster) -> None:
    assert said(labelled.page("leases", fieldSelector="spec.holderIdentity=me")) == (400, "BadRequest")


def test_pods_are_selected_by_phase_and_node(cluster: Cluster) -> None:
    cluster.post("pods", pod("a"))
    cluster.post("pods", pod("b"))
    target = {"apiVersion": "v1", "kind": "Node", "name": "n1"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "b"}, "target": target}
    assert cluster.client.request("POST", cluster.path("pods", "b", "binding"), binding).status == 201
    cluster.patch("pods", "b", {"status": {"phase": "Running"}}, subresource="status")
    assert cluster.names("pods", fieldSelector="status.phase=Running") == ["b"]
    assert cluster.names("pods", fieldSelector="status.phase=Pending") == ["a"]
    assert cluster.names("pods", fieldSelector="spec.nodeName=n1") == ["b"]
    assert cluster.names("pods", fieldSelector="status.phase!=Failed,spec.nodeName=") == ["a"]


def test_a_list_names_its_kind_and_version(labelled: Cluster) -> None:
    body = labelled.page("leases").body
    assert (body["kind"], body["apiVersion"]) == ("LeaseList", "coordination.k8s.io/v1")
    assert int(body["metadata"]["resourceVersion"]) > 0
    assert all("kind" not in item for item in body["items"])


def test_items_of_a_custom_list_name_their_kind(cluster: Cluster) -> None:
    cluster.post("coderuns", agent_run(task=7, name="a", namespace=cluster.namespace))
    body = cluster.page("coderuns").body
    assert body["kind"] == "CodeRunList"
    assert [item["kind"] for item in body["items"]] == ["CodeRun"]


def test_an_empty_list_holds_no_items(cluster: Cluster) -> None:
    body = cluster.page("coderuns").body
    assert body["items"] == []


def test_pages_show_the_state_of_the_first_page(labelled: Cluster) -> None:
    first = labelled.page("leases", limit="2").body
    assert [item["metadata"]["name"] for item in first["items"]] == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 1
    labelled.delete("leases", "c")
    labelled.post("leases", lease("d"))
    second = labelled.page("leases", limit="2", **{"continue": first["metadata"]["continue"]}).body
    assert [item["metadata"]["name"] for item in second["items"]] == ["c"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert "continue" not in second["metadata"]


def test_pages_can_be_selected(labelled: Cluster) -> None:
    first = labelled.page("leases", limit="1", labelSelector="task=2").body
    assert "remainingItemCount" not in first["metadata"]
    token = first["metadata"]["continue"]
    second = labelled.page("leases", limit="1", labelSelector="task=2", **{"continue": token}).body
    assert [item["metadata"]["name"] for item in first["items"] + second["items"]] == ["b", "c"]


def test_a_broken_continue_token_is_refused(labelled: Cluster) -> None:
    assert said(labelled.page("leases", limit="1", **{"continue": "broken"})) == (400, "BadRequest")


def test_a_continue_token_expires_with_the_history(labelled: Cluster) -> None:
    token = labelled.page("leases", limit="1").body["metadata"]["continue"]
    labelled.post("leases", lease("d"))
    labelled.expire_history()
    reply = labelled.page("leases", limit="1", **{"continue": token})
    assert said(reply) == (410, "Expired")
    rest = labelled.page("leases", limit="9", **{"continue": reply.body["metadata"]["continue"]}).body
    assert [item["metadata"]["name"] for item in rest["items"]] == ["b", "c", "d"]


def test_a_version_of_the_future_is_refused(cluster: Cluster) -> None:
    version = cluster.page("leases").body["metadata"]["resourceVersion"]
    reply = cluster.page("leases", resourceVersion=str(int(version) + 1_000_000), timeoutSeconds="1")
    assert said(reply) == (504, "Timeout")


def test_a_client_may_ask_for_metadata_only(cluster: Cluster) -> None:
    cluster.post("coderuns", agent_run(task=7, name="a", namespace=cluster.namespace))
    body = cluster.client.request("GET", cluster.path("coderuns"), accept=PARTIAL).body
    assert (body["kind"], body["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert [sorted(item) for item in body["items"]] in (
        [["apiVersion", "kind", "metadata"]],
        [["metadata"]],
    )
    assert body["items"][0]["metadata"]["labels"]["task-id"] == "7"
    one = cluster.client.request("GET", cluster.path("coderuns", "a"), accept=PARTIAL_ONE).body
    assert one["kind"] == "PartialObjectMetadata"
    assert "spec" not in one


@pytest.mark.parametrize(("accept", "items"), [("application/json", []), (PARTIAL, None)])
def test_an_empty_list_of_metadata_has_null_for_its_items(cluster: Cluster, accept: str, items: object) -> None:
    for plural in ("coderuns", "leases"):
        query = {"labelSelector": "nobody=has-this"}
        body = cluster.client.request("GET", cluster.path(plural), query=query, accept=accept).body
        assert body["items"] == items


def test_a_list_across_namespaces_holds_this_one_too(labelled: Cluster) -> None:
    body = labelled.client.request("GET", "/apis/coordination.k8s.io/v1/leases", query={"labelSelector": "x/y"}).body
    places = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in body["items"]]
    assert (labelled.namespace, "c") in places


def test_a_watch_reports_every_change_after_its_version(labelled: Cluster) -> None:
    version = labelled.page("leases").body["metadata"]["resourceVersion"]
    created = labelled.post("leases", lease("d")).body
    labelled.put("leases", "d", {**created, "spec": {"holderIdentity": "me"}})
    labelled.delete("leases", "d")
    query = {"resourceVersion": version, "timeoutSeconds": "1"}
    events = list(labelled.client.watch(labelled.path("leases"), query=query))
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
        ("ADDED", "d"),
        ("MODIFIED", "d"),
        ("DELETED", "d"),
    ]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert events[1]["object"]["spec"]["holderIdentity"] == "me"


def test_a_watch_reports_what_leaves_and_enters_its_selection(labelled: Cluster) -> None:
    version = labelled.page("leases").body["metadata"]["resourceVersion"]
    labelled.patch("leases", "a", {"metadata": {"labels": {"task": "2"}}})
    labelled.patch("leases", "b", {"metadata": {"labels": {"task": "3"}}})
    labelled.patch("leases", "c", {"metadata": {"labels": {"other": "1"}}})
    query = {"resourceVersion": version, "timeoutSeconds": "1", "labelSelector": "task=2"}
    events = list(labelled.client.watch(labelled.path("leases"), query=query))
    changes = [(event["type"], event["object"]["metadata"]["name"]) for event in events]
    assert changes == [("ADDED", "a"), ("DELETED", "b"), ("MODIFIED", "c")]


def test_a_watch_of_one_object_sees_nothing_of_others(labelled: Cluster) -> None:
    version = labelled.page("leases").body["metadata"]["resourceVersion"]
    labelled.delete("leases", "a")
    labelled.delete("leases", "b")
    query = {"resourceVersion": version, "timeoutSeconds": "1", "fieldSelector": "metadata.name=b"}
    events = list(labelled.client.watch(labelled.path("leases"), query=query))
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [("DELETED", "b")]


def test_a_watch_without_version_begins_with_what_exists(labelled: Cluster) -> None:
    events = list(labelled.client.watch(labelled.path("leases"), query={"timeoutSeconds": "1"}))
    assert sorted((event["type"], event["object"]["metadata"]["name"]) for event in events) == [
        ("ADDED", "a"),
        ("ADDED", "b"),
        ("ADDED", "c"),
    ]


def test_a_watch_gets_changes_while_it_waits(labelled: Cluster) -> None:
    version = labelled.page("leases").body["metadata"]["resourceVersion"]
    events = labelled.client.watch(labelled.path("leases"), query={"resourceVersion": version, "timeoutSeconds": "20"})
    writer = threading.Timer(0.2, labelled.delete, args=("leases", "a"))
    writer.start()
    assert next(events)["type"] == "DELETED"
    writer.join()
    events.close()


def test_a_watch_from_an_expired_version_ends_with_an_error(cluster: Cluster) -> None:
    cluster.expire_history()
    query = {"resourceVersion": "1", "timeoutSeconds": "1"}
    events = list(cluster.client.watch(cluster.path("coderuns"), query=query))
    assert [event["type"] for event in events] == ["ERROR"]
    status = events[0]["object"]
    assert (status["code"], status["reason"]) == (410, "Expired")
