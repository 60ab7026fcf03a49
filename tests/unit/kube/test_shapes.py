"""Only the API server's own documents count: pages, empty bodies and other documents are never an empty list."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from steps.core.errors import ConflictError, NotFoundError, NotServedError, StepError, UnavailableError
from steps.kube.client import Kube
from steps.kube.resources import CONFIG_MAPS, LEASES, PODS
from steps.telemetry.audit import WriteCause, WriteReason
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, Scene

HOME = DEFAULTS.namespaces.workflows
WHY = WriteReason(cause=WriteCause.BREAKER, detail="")
PAGE = b"<html>Sign in</html>"
NOT_THE_API_SERVERS = (
    (PAGE, "an HTML page came"),
    (b"", "an empty body came"),
    (b"OK", "text came"),
    (b'{"kind": "LeaseList", "items": [', "an incomplete JSON document came"),
    (b"[]", "JSON that is not an object came"),
    (b"null", "JSON that is not an object came"),
    (b"{}", "an object without kind came"),
    (b'{"kind": 1}', "an object without kind came"),
)
NOT_A_LIST = (
    (b'{"kind": "Status", "status": "Success"}', "a Status where a list belongs"),
    (b'{"kind": "Lease", "metadata": {"name": "a"}}', "a Lease where a list belongs"),
    (b'{"kind": "LeaseList"}', "a list without items"),
    (b'{"kind": "PartialObjectMetadataList", "metadata": {}}', "a list without items"),
    (b'{"kind": "LeaseList", "items": null}', "a list without items"),
    (b'{"kind": "LeaseList", "items": {}}', "a list without items"),
    (b'{"kind": "LeaseList", "metadata": null, "items": []}', "a list without items"),
    (b'{"kind": "LeaseList", "items": [null]}', "a list of items without metadata"),
    (b'{"kind": "LeaseList", "items": [{"metadata": []}]}', "a list of items without metadata"),
)
NOT_THE_OBJECT = (
    (b'{"kind": "Status", "status": "Success"}', "a Status that is not agent-cancellation-breaker"),
    (b'{"kind": "ConfigMap", "metadata": {"name": "other"}}', "a ConfigMap that is not agent-cancellation-breaker"),
    (b'{"kind": "ConfigMapList", "items": []}', "a ConfigMapList that is not agent-cancellation-breaker"),
)
CONFIG_MAP = DEFAULTS.breaker.config_map


SENT = {"metadata": {"name": CONFIG_MAP}}


def create(kube: Kube) -> None:
    kube.create(CONFIG_MAPS, namespace=HOME, body=SENT, reason=WHY)


def replace(kube: Kube) -> None:
    kube.replace(CONFIG_MAPS, namespace=HOME, body=SENT, reason=WHY)


def merge(kube: Kube) -> None:
    kube.merge(CONFIG_MAPS, namespace=HOME, name=CONFIG_MAP, body=SENT, reason=WHY)


def answer(scene: Scene, method: str, body: bytes, *, status: int = 200) -> None:
    scene.api.faults.add(Fault(method=method, body=body, status=status, times=0))


def named(said: str) -> str:
    return said.replace("agent-cancellation-breaker", CONFIG_MAP)


@pytest.mark.parametrize(("body", "said"), NOT_THE_API_SERVERS + NOT_A_LIST)
@pytest.mark.parametrize("metadata_only", [False, True])
def test_a_list_that_is_not_one_is_never_an_empty_list(
    scene: Scene, body: bytes, said: str, *, metadata_only: bool
) -> None:
    answer(scene, "GET", body)
    with pytest.raises(UnavailableError) as caught:
        list(scene.kube().list(LEASES, namespace=HOME, metadata_only=metadata_only))
    assert said in str(caught.value)
    assert "check the address of the API server; a proxy or a login page may have answered" in str(caught.value)
    assert len(scene.api.calls) == DEFAULTS.kubernetes.attempts, "and it was tried again"


@pytest.mark.parametrize(("body", "said"), NOT_THE_API_SERVERS + NOT_THE_OBJECT)
def test_an_object_that_is_another_document_is_not_read(scene: Scene, body: bytes, said: str) -> None:
    answer(scene, "GET", body)
    with pytest.raises(UnavailableError, match=named(said)):
        scene.kube().get(CONFIG_MAPS, namespace=HOME, name=CONFIG_MAP)


@pytest.mark.parametrize(("body", "said"), NOT_THE_API_SERVERS + NOT_THE_OBJECT)
@pytest.mark.parametrize("write", [create, replace, merge])
def test_a_write_that_another_document_answers_is_not_known_to_be_done(
    scene: Scene, write: Callable[[Kube], object], body: bytes, said: str
) -> None:
    answer(scene, "", body)
    with pytest.raises(UnavailableError, match=named(said)):
        write(scene.kube())
    (audit,) = [line for line in scene.events() if line["event"] == "audit"]
    assert audit["result"] not in ("done", "refused")
    assert len(scene.api.calls) == 1, "a write is not repeated blindly"


@pytest.mark.parametrize(("body", "said"), NOT_THE_API_SERVERS)
def test_a_delete_that_another_document_answers_is_not_known_to_be_done(scene: Scene, body: bytes, said: str) -> None:
    answer(scene, "DELETE", body)
    with pytest.raises(UnavailableError, match=said):
        scene.kube().delete(CONFIG_MAPS, namespace=HOME, name=CONFIG_MAP, options={}, reason=WHY)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_not_followed(scene: Scene, status: int) -> None:
    answer(scene, "GET", PAGE, status=status)
    with pytest.raises(UnavailableError, match=rf"a redirect \({status}\) came: check the address"):
        list(scene.kube().list(PODS, namespace=HOME))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (PAGE, UnavailableError),
        (b"", UnavailableError),
        (b"default backend - 404", UnavailableError),
        (b"404 page not found\n", NotServedError),
        (
            json.dumps({"kind": "Status", "message": "the server could not find it", "code": 404}).encode(),
            NotServedError,
        ),
        (json.dumps({"kind": "Status", "reason": "NotFound", "message": "x", "code": 404}).encode(), NotFoundError),
    ],
)
def test_only_the_api_servers_own_404_says_that_something_is_not_there(
    scene: Scene, body: bytes, error: type[StepError]
) -> None:
    answer(scene, "GET", body, status=404)
    with pytest.raises(StepError) as caught:
        scene.kube().get(CONFIG_MAPS, namespace=HOME, name=CONFIG_MAP)
    assert type(caught.value) is error


STATUSES_OF_REFUSALS = (400, 401, 403, 405, 408, 409, 410, 413, 415, 422, 431, 500, 502, 503, 520)
NOT_A_STATUS = (
    (b"<html>blocked</html>", "an HTML page"),
    (b"", "an empty body"),
    (b"blocked", "text"),
    (b'{"message": "no", "status": "403"}', "JSON that is not a Status"),
    (b"[" * 20000, "an incomplete JSON document"),
)


@pytest.mark.parametrize("status", STATUSES_OF_REFUSALS)
@pytest.mark.parametrize(("body", "said"), NOT_A_STATUS)
def test_a_refusal_that_is_not_the_api_servers_is_an_outage_and_is_named(
    scene: Scene, status: int, body: bytes, said: str
) -> None:
    answer(scene, "GET", body, status=status)
    with pytest.raises(StepError) as caught:
        list(scene.kube().list(LEASES, namespace=HOME))
    assert type(caught.value) is UnavailableError
    assert f"{said} with status {status} came: check the address of the API server" in str(caught.value)
    assert len(scene.api.calls) == DEFAULTS.kubernetes.attempts, "and it was tried again"


@pytest.mark.parametrize("status", STATUSES_OF_REFUSALS)
@pytest.mark.parametrize("write", [create, replace, merge])
def test_a_write_that_a_page_refuses_is_not_known_to_be_refused(
    scene: Scene, write: Callable[[Kube], object], status: int
) -> None:
    """A proxy may have sent the page after the API server had done the write."""
    answer(scene, "", PAGE, status=status)
    with pytest.raises(UnavailableError):
        write(scene.kube())
    (audit,) = [line for line in scene.events() if line["event"] == "audit"]
    assert audit["result"] not in ("done", "refused")
    assert len(scene.api.calls) == 1, "a write is not repeated blindly"


@pytest.mark.parametrize("status", [408, 429, 500, 501, 503, 504, 505, 507, 520, 529])
def test_an_api_server_that_cannot_answer_now_is_asked_again(scene: Scene, status: int) -> None:
    scene.api.faults.add(Fault(method="GET", status=status, reason="Timeout"))
    assert list(scene.kube().list(LEASES, namespace=HOME)) == []


@pytest.mark.parametrize(("status", "body"), [(429, b"Too many requests, please try again later."), (503, PAGE)])
def test_the_time_that_an_overloaded_server_asks_for_is_waited(scene: Scene, status: int, body: bytes) -> None:
    """The API server itself limits requests in plain text."""
    scene.api.faults.add(Fault(method="GET", status=status, body=body, headers={"retry-after": "3"}))
    began = scene.clock.monotonic()
    assert list(scene.kube().list(LEASES, namespace=HOME)) == []
    assert 3 <= scene.clock.monotonic() - began < 4


def test_a_list_of_a_custom_resource_may_have_any_kind(scene: Scene) -> None:
    """A CRD's `spec.names.listKind` need not end with List."""
    answer(scene, "GET", b'{"kind": "Leases", "metadata": {}, "items": [{"metadata": {"name": "a"}}]}')
    assert [each["metadata"]["name"] for each in scene.kube().list(LEASES, namespace=HOME)] == ["a"]


def test_a_conflict_stays_a_conflict(scene: Scene) -> None:
    with pytest.raises(ConflictError):
        create(scene.kube())


def test_the_date_of_a_foreign_document_is_not_the_api_servers_clock(scene: Scene) -> None:
    kube, other = scene.kube(), scene.kube()
    for each in (kube, other):
        each.get(CONFIG_MAPS, namespace=HOME, name=CONFIG_MAP)
    wrong = {"date": "Sun, 01 Mar 2020 12:00:00 GMT"}
    scene.api.faults.add(Fault(method="GET", body=PAGE, headers=wrong, times=0))
    with pytest.raises(UnavailableError):
        kube.get(CONFIG_MAPS, namespace=HOME, name=CONFIG_MAP)
    assert kube.server_clock.ahead_of_s(other.server_clock) == 0
