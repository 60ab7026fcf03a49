"""What the Kubernetes double can do that no real server offers: faults, recording, a clock of one's own, no sockets."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes import client as official

from tests.doubles.kubernetes import (
    Access,
    ApiError,
    ApiServer,
    ConnectionLostError,
    Fault,
    JsonObject,
    Response,
    make_request,
    serve,
    write_kubeconfig,
)
from tests.doubles.platform import CRD, Client, agent_run

PATH = "/api/v1/namespaces/default/configmaps"
START = datetime(2026, 1, 1, tzinfo=UTC)


def config_map(name: str, **data: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    manager = urllib3.PoolManager(retries=False, timeout=5.0)
    yield manager
    manager.clear()


def send(api: ApiServer, method: str, path: str, body: JsonObject | None = None, **headers: str) -> Response:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return api.handle(make_request(method=method, target=path, body=body or b"", headers=named))


def test_every_request_is_recorded_in_the_order_of_arrival(api: ApiServer) -> None:
    send(api, "POST", f"{PATH}?dryRun=All", config_map("a"), User_Agent="steps/1")
    send(api, "GET", f"{PATH}/a")
    first, second = api.calls
    assert (first.sequence, first.method, first.path, first.query) == (1, "POST", PATH, {"dryRun": "All"})
    assert (first.body["metadata"]["name"], first.status, first.user_agent) == ("a", 201, "steps/1")
    assert (second.sequence, second.body, second.status) == (2, None, 404)


def test_requests_of_the_test_itself_are_neither_recorded_nor_made_to_fail(api: ApiServer) -> None:
    api.faults.add(Fault(times=0, status=500))
    api.create(config_map("a"))
    assert api.calls == []
    assert api.faults.applied == 0


def test_a_lost_request_has_no_effect(api: ApiServer) -> None:
    api.faults.add(Fault(method="POST", lose="request"))
    with pytest.raises(ConnectionLostError):
        send(api, "POST", PATH, config_map("a"))
    assert api.find("configmaps", "a", namespace="default") is None
    assert api.calls[0].status == 0


@pytest.mark.parametrize("status", [0, 302])
def test_bytes_of_another_server_have_no_effect(api: ApiServer, status: int) -> None:
    api.faults.add(Fault(method="POST", body=b"<html>", status=status))
    answer = send(api, "POST", PATH, config_map("a"))
    assert (answer.status, answer.body) == (status or 200, b"<html>")
    assert api.find("configmaps", "a", namespace="default") is None


def test_a_lost_reply_leaves_its_effect(api: ApiServer) -> None:
    api.faults.add(Fault(method="POST", lose="reply"))
    with pytest.raises(ConnectionLostError):
        send(api, "POST", PATH, config_map("a"))
    assert api.find("configmaps", "a", namespace="default") is not None
    assert api.calls[0].status == 0


@pytest.mark.parametrize("lose", ["request", "reply"])
def test_over_http_a_lost_message_is_a_reset_connection(api: ApiServer, pool: urllib3.PoolManager, lose: str) -> None:
    api.faults.add(Fault(method="POST", lose="request" if lose == "request" else "reply"))
    with serve(api) as url:
        with pytest.raises(urllib3.exceptions.ProtocolError) as caught:
            pool.request("POST", url + PATH, json=config_map("a"))
        assert isinstance(caught.value.args[1], ConnectionResetError)
        assert pool.request("GET", f"{url}{PATH}/a").status == (404 if lose == "request" else 200)


def test_a_fault_affects_only_the_request_that_it_names(api: ApiServer) -> None:
    api.faults.add(Fault(method="GET", path="/configmaps/a", user_agent="steps", nth=2, status=503))
    answers = [
        send(api, "GET", f"{PATH}/b", User_Agent="steps").status,
        send(api, "GET", f"{PATH}/a", User_Agent="steps").status,
        send(api, "GET", f"{PATH}/a", User_Agent="others").status,
        send(api, "GET", f"{PATH}/a", User_Agent="steps").status,
        send(api, "GET", f"{PATH}/a", User_Agent="steps").status,
    ]
    assert answers == [404, 404, 404, 503, 404]
    assert api.faults.applied == 1


def test_a_fault_without_conditions_affects_requests_by_their_order(api: ApiServer) -> None:
    api.faults.add(Fault(nth=2, status=500))
    assert [send(api, "GET", PATH).status for _ in range(3)] == [200, 500, 200]


def test_a_fault_can_affect_several_requests_or_all(api: ApiServer) -> None:
    api.faults.add(Fault(times=2, status=500))
    assert [send(api, "GET", PATH).status for _ in range(3)] == [500, 500, 200]
    api.faults.clear()
    api.faults.add(Fault(times=0, status=503))
    assert {send(api, "GET", PATH).status for _ in range(5)} == {503}


@pytest.mark.parametrize(
    ("status", "reason"),
    [(409, "Conflict"), (429, "TooManyRequests"), (500, "InternalError"), (503, "ServiceUnavailable")],
)
def test_an_injected_answer_is_a_proper_refusal(api: ApiServer, status: int, reason: str) -> None:
    api.faults.add(Fault(status=status, headers={"Retry-After": "3"}))
    response = send(api, "POST", PATH, config_map("a"))
    assert (response.status, response.json()["reason"], response.headers["Retry-After"]) == (status, reason, "3")
    assert api.find("configmaps", "a", namespace="default") is None


def test_an_injected_answer_can_hide_an_effect(api: ApiServer) -> None:
    api.faults.add(Fault(method="POST", status=504, before=api.respond))
    assert send(api, "POST", PATH, config_map("a")).status == 504
    assert api.find("configmaps", "a", namespace="default") is not None


def test_a_delay_uses_the_clock_that_was_given() -> None:
    slept: list[float] = []
    api = ApiServer(sleep=slept.append)
    api.faults.add(Fault(delay_s=7.0))
    assert send(api, "GET", PATH).status == 200
    assert slept == [7.0]


def test_another_client_can_write_just_before_a_request(api: ApiServer) -> None:
    created = api.create(config_map("a", x="1"))
    api.faults.add(
        Fault(method="PUT", before=lambda _: api.update({**created, "data": {"x": "other"}})),
    )
    response = send(api, "PUT", f"{PATH}/a", {**created, "data": {"x": "mine"}})
    assert (response.status, response.json()["reason"]) == (409, "Conflict")


def test_a_crash_can_be_raised_after_an_effect(api: ApiServer) -> None:
    class CrashError(BaseException):
        """The process is gone."""

    def crash(_: object) -> None:
        raise CrashError

    api.faults.add(Fault(after=crash))
    with pytest.raises(CrashError):
        send(api, "POST", PATH, config_map("a"))
    assert api.find("configmaps", "a", namespace="default") is not None
    assert api.calls[0].status == 201


def test_time_is_the_time_that_was_given() -> None:
    now = [START]
    api = ApiServer(clock=lambda: now[0])
    api.create(CRD)
    first = api.create(agent_run(task=1, name="a", namespace="default"))
    now[0] += timedelta(seconds=90, milliseconds=700)
    second = api.create(agent_run(task=1, name="b", namespace="default"))
    assert first["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert second["metadata"]["creationTimestamp"] == "2026-01-01T00:01:30Z"


def test_an_object_can_be_made_older(api: ApiServer) -> None:
    api.create(config_map("a"))
    api.backdate("configmaps", "a", namespace="default", created="2020-01-01T00:00:00Z")
    assert api.get("configmaps", "a", namespace="default")["metadata"]["creationTimestamp"] == "2020-01-01T00:00:00Z"


def test_uids_are_those_that_were_given() -> None:
    numbers = iter(range(100))
    api = ApiServer(new_uid=lambda: f"{next(numbers):08d}-0000-4000-8000-000000000000")
    assert api.create(config_map("a"))["metadata"]["uid"] == "00000002-0000-4000-8000-000000000000"


def test_an_answer_cannot_be_used_to_change_the_store(api: ApiServer) -> None:
    created = api.create(config_map("a", x="1"))
    created["data"]["x"] = "2"
    api.get("configmaps", "a", namespace="default")["data"]["x"] = "3"
    assert api.get("configmaps", "a", namespace="default")["data"] == {"x": "1"}


def test_a_refusal_to_the_test_is_an_exception_with_a_reason(api: ApiServer) -> None:
    with pytest.raises(ApiError, match="not found") as caught:
        api.get("configmaps", "a", namespace="default")
    assert (caught.value.code, caught.value.reason) == (404, "NotFound")


def test_an_authoriser_decides_by_user_verb_and_object(api: ApiServer) -> None:
    asked: list[Access] = []

    def authorize(access: Access) -> bool:
        asked.append(access)
        return access.verb in {"get", "list"}

    api.authorize = authorize
    api.users["secret"] = "system:serviceaccount:default:steps"
    api.create(config_map("a"))
    assert send(api, "GET", f"{PATH}/a", Authorization="Bearer secret").status == 200
    refused = send(
        api, "DELETE", "/apis/coordination.k8s.io/v1/namespaces/default/leases/b", Authorization="Bearer secret"
    )
    assert refused.status == 403
    assert refused.json()["reason"] == "Forbidden"
    assert refused.json()["message"] == (
        'leases.coordination.k8s.io "b" is forbidden: User "system:serviceaccount:default:steps" cannot delete '
        'resource "leases" in API group "coordination.k8s.io" in the namespace "default"'
    )
    watch = send(api, "GET", f"{PATH}?watch=true", Authorization="Bearer secret").json()["message"]
    assert watch == (
        'configmaps is forbidden: User "system:serviceaccount:default:steps" cannot watch resource "configmaps" in API '
        'group "" in the namespace "default"'
    )
    assert asked[1] == Access(
        user="system:serviceaccount:default:steps",
        verb="delete",
        group="coordination.k8s.io",
        resource="leases",
        subresource="",
        namespace="default",
        name="b",
    )
    assert send(api, "DELETE", f"{PATH}/a").status == 200


def test_garbage_waits_to_be_collected_if_a_test_asks_for_that(api: ApiServer) -> None:
    api.auto_collect = False
    owner = api.create(config_map("owner"))
    child = config_map("child")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    child["metadata"]["ownerReferences"] = [reference]
    api.create(child)
    api.delete("configmaps", "owner", namespace="default")
    assert api.find("configmaps", "child", namespace="default") is not None
    api.collect_garbage()
    assert api.find("configmaps", "child", namespace="default") is None


def test_an_owner_in_another_namespace_is_no_owner(api: ApiServer) -> None:
    owner = api.create(config_map("owner"))
    child = config_map("child")
    child["metadata"]["namespace"] = "kube-system"
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    child["metadata"]["ownerReferences"] = [reference]
    api.create(child)
    assert api.find("configmaps", "child", namespace="kube-system") is None


def test_a_watch_can_be_polled_without_waiting(api: ApiServer) -> None:
    watch = api.watch(make_request(method="GET", target=f"{PATH}?resourceVersion={api.store.version}"))
    assert watch.poll() == []
    api.create(config_map("a"))
    api.delete("configmaps", "a", namespace="default")
    assert [event["type"] for event in watch.poll()] == ["ADDED", "DELETED"]
    assert watch.poll() == []


def test_a_simulation_can_forbid_watches_to_wait(api: ApiServer) -> None:
    api.blocking_watches = False
    api.create(config_map("a"))
    response = send(api, "GET", f"{PATH}?watch=true&timeoutSeconds=60")
    assert response.stream is not None
    assert len(list(response.stream)) == 1


def test_of_many_concurrent_writers_of_one_version_exactly_one_wins(api: ApiServer) -> None:
    with serve(api) as url:
        created = api.create(config_map("a"))
        statuses: list[int] = []

        def write(index: int) -> None:
            with urllib3.PoolManager(retries=False, timeout=10.0) as own:
                body = {**created, "data": {"x": str(index)}}
                statuses.append(own.request("PUT", f"{url}{PATH}/a", json=body).status)

        threads = [threading.Thread(target=write, args=(index,)) for index in range(16)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert sorted(statuses) == [200] + [409] * 15


def test_the_official_client_understands_the_double(api: ApiServer) -> None:
    api.create(CRD)
    run = api.create(agent_run(task=1, name="a", namespace="default"))
    with serve(api) as url, official.ApiClient(official.Configuration(host=url)) as connection:
        runs: Any = official.CustomObjectsApi(connection)
        where = ("agents.platform", "v1", "default", "coderuns")
        assert [each["metadata"]["name"] for each in runs.list_namespaced_custom_object(*where)["items"]] == ["a"]
        with pytest.raises(official.ApiException) as caught:
            runs.delete_namespaced_custom_object(*where, "a", body={"preconditions": {"uid": "another"}})
        assert caught.value.status == 409
        runs.delete_namespaced_custom_object(*where, "a", body={"preconditions": {"uid": run["metadata"]["uid"]}})
    assert api.find("coderuns", "a", namespace="default") is None


def test_a_kubeconfig_leads_to_the_double(api: ApiServer, tmp_path: Path) -> None:
    api.users["secret"] = "somebody"
    api.authorize = lambda access: access.user == "somebody"
    with serve(api) as url:
        client = Client.from_kubeconfig(write_kubeconfig(tmp_path / "kubeconfig", url, token="secret"))
        assert client.request("GET", PATH).status == 200
        client.close()


def test_leaving_the_server_ends_waiting_watches(api: ApiServer, pool: urllib3.PoolManager) -> None:
    with serve(api) as url:
        answer = pool.request("GET", f"{url}{PATH}?watch=true&timeoutSeconds=600", preload_content=False)
    assert answer.read() in {b"", None}
    answer.release_conn()


def test_one_of_several_servers_may_have_a_clock_that_is_ahead() -> None:
    api = ApiServer(clock=lambda: START)
    api.faults.add(Fault(nth=2, ahead_s=6))
    assert [send(api, "GET", f"{PATH}/a").headers.get("Date") for _ in range(3)] == [
        None,
        "Thu, 01 Jan 2026 00:00:06 GMT",
        None,
    ]
