"""Only GitHub's own JSON counts as an answer: pages, empty bodies, halves and other shapes are errors by meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from steps.core.errors import BadInputError, ForbiddenError, RateLimitedError, StepError, UnavailableError
from steps.github.client import GitHub
from steps.kube.resources import CONFIG_MAPS
from steps.telemetry.audit import WriteCause, WriteReason
from tests.doubles.github import answered
from tests.doubles.github.faults import Fault
from tests.doubles.github.messages import json_response
from tests.support.harness import DEFAULTS, OLD, REPOSITORY, Scene

WHY = WriteReason(cause=WriteCause.ADD_LABEL, epoch=1)
FOREVER = 100
JSON = "application/json; charset=utf-8"
NOON = "2026-03-01T12:00:00Z"
PAGE = "<!DOCTYPE html><html>Sign in</html>"


def pulls(client: GitHub) -> object:
    return client.open_pull_requests(repository=REPOSITORY, branch="task-7-work")


def pull(client: GitHub) -> object:
    return client.pull_request(repository=REPOSITORY, number=1)


def activity(client: GitHub) -> object:
    return client.activity(repository=REPOSITORY)


def comments(client: GitHub) -> object:
    return list(client.comments(repository=REPOSITORY, number=1))


def add_label(client: GitHub) -> None:
    client.add_label(repository=REPOSITORY, number=1, label="x", reason=WHY)


def remove_label(client: GitHub) -> None:
    client.remove_label(repository=REPOSITORY, number=1, label="ready-for-qa", reason=WHY)


def add_comment(client: GitHub) -> None:
    client.add_comment(repository=REPOSITORY, number=1, body="x", reason=WHY)


def edit_comment(client: GitHub) -> None:
    client.edit_comment(repository=REPOSITORY, comment=1, body="x", reason=WHY)


OPERATIONS: tuple[Callable[[GitHub], object], ...] = (
    pulls, pull, activity, comments, add_label, remove_label, add_comment, edit_comment,
)  # fmt: skip


def error_after(fault: Fault, operation: Callable[[GitHub], object], *, scene: Scene, client: GitHub) -> StepError:
    """The error of an operation whose every request meets a fault."""
    scene.github.fault(fault, times=FOREVER)
    with pytest.raises(StepError) as caught:
        operation(client)
    return caught.value


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (answered(PAGE), "an HTML page came with status 200"),
        (answered(""), "an empty body came with status 200"),
        (answered("Welcome to the guest network"), "text came with status 200"),
        (answered('[{"number": 1,', kind=JSON), "an incomplete JSON document came with status 200"),
        (answered("null", kind=JSON), "text came with status 200"),
        (answered("", status=202), "an empty body came with status 202"),
        (answered(PAGE, status=403), "an HTML page came with status 403"),
        (answered("404 page not found", status=404), "text came with status 404"),
        (answered('["no"]', status=401, kind=JSON), "JSON of another kind came with status 401"),
    ],
)
def test_an_answer_that_is_not_githubs_says_what_came_and_what_to_check(
    scene: Scene, client: GitHub, operation: Callable[[GitHub], object], fault: Fault, what: str
) -> None:
    error = error_after(fault, operation, scene=scene, client=client)
    assert type(error) is UnavailableError
    assert what in str(error)
    assert "check github.api_url (GitHub Enterprise: it ends with /api/v3) and github.proxy" in str(error)
    assert len(scene.github.calls) == 5, "and it was tried again"


@pytest.mark.parametrize("operation", [pulls, add_label])
@pytest.mark.parametrize("body", ['{"message":', '["x"]', '"down"', "null", PAGE, '{"message": {"a": 1}}'])
def test_a_failing_server_may_answer_anything(
    scene: Scene, client: GitHub, operation: Callable[[GitHub], object], body: str
) -> None:
    error = error_after(answered(body, status=502, kind=JSON), operation, scene=scene, client=client)
    assert type(error) is UnavailableError


def test_a_rate_limit_needs_no_document(scene: Scene, client: GitHub) -> None:
    fault = answered("slow down", status=429, kind="text/plain", headers={"retry-after": "9999"})
    error = error_after(fault, pulls, scene=scene, client=client)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after_s == 9999


@pytest.mark.parametrize("header", ["x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"])
@pytest.mark.parametrize("value", ["unlimited", "", "²"])
def test_a_header_that_is_not_a_number_says_nothing(scene: Scene, client: GitHub, header: str, value: str) -> None:
    sent = value.encode().decode("latin-1")
    limits = {header: sent}
    scene.github.fault(answered("[]", kind=JSON, headers=limits), nth=1)
    scene.github.fault(answered('{"message": "Forbidden"}', status=403, kind=JSON, headers=limits), nth=2)
    assert pulls(client) == []
    with pytest.raises(ForbiddenError):
        pulls(client)


DELETED_FORK: dict[str, Any] = {"ref": "task-7-work", "sha": OLD, "repo": None}
BASE: dict[str, Any] = {"repo": {"id": 1, "full_name": REPOSITORY}}
HEAD: dict[str, Any] = DELETED_FORK | BASE
PULL: dict[str, Any] = {"number": 1, "head": HEAD, "base": BASE, "labels": []}


@pytest.mark.parametrize(
    ("operation", "document", "said"),
    [
        (pulls, {"items": []}, "an object came where a list belongs"),
        (pulls, [None], "the document is missing"),
        (pulls, ["x"], "the document is text"),
        (pulls, [{}], "head is missing"),
        (pulls, [PULL | {"head": HEAD | {"ref": "main"}}], "the list has pull requests of other branches"),
        (pulls, [PULL | {"number": "1"}], "number is text"),
        (pulls, [PULL | {"number": True}], "number is a number or a truth value"),
        (pulls, [PULL | {"labels": None}], "labels is missing"),
        (pulls, [PULL | {"labels": ["x"]}], "the document is text"),
        (pulls, [PULL | {"base": None}], "base is missing"),
        (pulls, [PULL | {"head": HEAD | {"repo": "x"}}], "head.repo is text"),
        (pull, [], "the document is a list"),
        (activity, [{"ref": "r", "after": OLD, "timestamp": "9999-12-31T23:59:59-14:00"}], "timestamp is not a time"),
        (activity, [{"timestamp": NOON, "ref": "r"}], "before is missing"),
        (activity, [{"timestamp": NOON, "ref": "r", "before": OLD, "after": OLD, "actor": []}], "actor is a list"),
        (comments, {}, "an object came where a list belongs"),
        (comments, [{"id": None}], "id is missing"),
        (comments, [{"id": 1, "user": "x"}], "user is text"),
        (add_label, {}, "an object came where a list belongs"),
        (remove_label, {}, "an object came where a list belongs"),
        (add_comment, {}, "id is missing"),
        (edit_comment, [], "the document is a list"),
    ],
)
def test_a_document_of_another_shape_is_not_an_answer(
    scene: Scene, client: GitHub, operation: Callable[[GitHub], object], document: object, said: str
) -> None:
    answer = Fault(applied=False, answer=lambda _: json_response(status=200, content=document))
    error = error_after(answer, operation, scene=scene, client=client)
    assert type(error) is UnavailableError
    assert f"the answer is not as documented ({said})" in str(error)


def test_a_branch_of_a_fork_and_one_of_another_case_are_other_branches(scene: Scene, client: GitHub) -> None:
    fork = {"id": 2, "full_name": "someone/cto"}
    heads = [HEAD, DELETED_FORK, HEAD | {"repo": fork}, HEAD | {"ref": "TASK-7-work"}]
    listed = [PULL | {"number": number, "head": head} for number, head in enumerate(heads, start=1)]
    scene.github.fault(Fault(applied=False, answer=lambda _: json_response(status=200, content=listed)))
    (found,) = client.open_pull_requests(repository=REPOSITORY.upper(), branch="task-7-work")
    assert found.number == 1


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_redirect_to_a_login_page_is_not_followed(
    scene: Scene, client: GitHub, operation: Callable[[GitHub], object], status: int
) -> None:
    login = answered(PAGE, status=status, headers={"location": "https://login.example.com/?next=secret"})
    error = error_after(login, operation, scene=scene, client=client)
    assert type(error) is UnavailableError
    assert "redirected to login.example.com: check github.api_url and github.proxy" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize("status", [301, 308])
def test_a_redirect_for_good_says_that_the_address_is_wrong(scene: Scene, client: GitHub, status: int) -> None:
    elsewhere = answered(
        "", status=status, headers={"location": "https://github.example.com/api/v3/repos/5dlabs/cto/pulls"}
    )
    error = error_after(elsewhere, pulls, scene=scene, client=client)
    assert type(error) is BadInputError
    assert "correct github.api_url, it is not the address of GitHub's API" in str(error)
    assert len(scene.github.calls) == 1


def test_a_server_that_wants_https_is_named_as_such(scene: Scene, client: GitHub) -> None:
    https = answered("", status=301, headers={"location": "https://127.0.0.1/repos/5dlabs/cto/pulls"})
    error = error_after(https, pulls, scene=scene, client=client)
    assert type(error) is BadInputError
    assert "github.api_url begins with http, and the server wants https: correct it" in str(error)


@pytest.mark.parametrize("location", ["", "http://[", "http://127.0.0.1:x/", "/repos/5dlabs/cto/pulls"])
@pytest.mark.parametrize("operation", [pulls, add_label])
def test_a_redirect_to_nowhere_is_not_followed(
    scene: Scene, client: GitHub, operation: Callable[[GitHub], object], location: str
) -> None:
    error = error_after(
        answered("{}", status=302, headers={"location": location}), operation, scene=scene, client=client
    )
    assert type(error) is UnavailableError


def test_the_date_of_a_foreign_answer_is_not_githubs_clock(scene: Scene, client: GitHub) -> None:
    kube = scene.kube()
    kube.get(CONFIG_MAPS, namespace=DEFAULTS.namespaces.workflows, name=DEFAULTS.breaker.config_map)
    pull(client)
    known = client.server_clock.ahead_of_s(kube.server_clock)
    assert known is not None
    wrong = {"date": "Sun, 01 Mar 2020 12:00:00 GMT"}
    error_after(answered(PAGE, headers=wrong), pulls, scene=scene, client=client)
    assert client.server_clock.ahead_of_s(kube.server_clock) == known
