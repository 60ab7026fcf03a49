"""The GitHub double misbehaves exactly as planned. It records requests, and no secret of theirs."""

from __future__ import annotations

import threading
from email.utils import parsedate_to_datetime

import pytest
import urllib3
from github import GithubException

from tests.doubles.github import (
    ConnectionDropped,
    Request,
    answered,
    cached,
    dated,
    delay,
    fail,
    primary_limited,
    refused,
    reply_lost,
    reset,
    secondary_limited,
)
from tests.doubles.github.faults import Fault
from tests.doubles.github.tests.exchanges import LABELS, REPOSITORY, TOKEN, Clock, Recorded, http, populated, pygithub

PULLS = f"/repos/{REPOSITORY}/pulls"


@pytest.fixture
def github() -> Recorded:
    double = Recorded(clock=Clock())
    populated(double)
    return double


@pytest.mark.parametrize(("fault", "age"), [(dated(20), None), (cached(20), "20")])
def test_one_answer_has_the_date_of_another_clock(github: Recorded, fault: Fault, age: str | None) -> None:
    github.fault(fault, path="/pulls")
    with http(github) as send:
        odd, next_one = send("GET", PULLS), send("GET", PULLS)
    dates = [parsedate_to_datetime(each.headers["date"]) for each in (odd, next_one)]
    assert (dates[1] - dates[0]).total_seconds() == 20
    assert (odd.status, odd.headers.get("age"), next_one.headers.get("age")) == (200, age, None)


@pytest.mark.parametrize(("applied", "labelled"), [(False, False), (True, True)])
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_says_nothing_about_the_effect(
    github: Recorded, status: int, *, applied: bool, labelled: bool
) -> None:
    github.fault(fail(status, applied=applied), method="POST")
    with http(github) as send:
        assert send("POST", LABELS, body=["x"]).status == status
        assert ("x" in github.labels(1)) is labelled
        assert send("POST", LABELS, body=["x"]).status == 200
    assert [(call.status, call.effect_status) for call in github.writes()] == [
        (status, 200 if applied else None),
        (200, 200),
    ]


@pytest.mark.parametrize(("fault", "labelled"), [(reset(), False), (reply_lost(), True)])
def test_a_dropped_connection_says_nothing_about_the_effect(github: Recorded, fault: object, *, labelled: bool) -> None:
    github.fault(fault, method="POST")  # type: ignore[arg-type]
    with http(github) as send, pytest.raises(urllib3.exceptions.ProtocolError, match="reset by peer"):
        send("POST", LABELS, body=["x"])
    assert ("x" in github.labels(1)) is labelled
    assert [(call.status, call.principal) for call in github.calls] == [(None, "user:automation")]


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (answered("<html>", status=302, headers={"location": "/login"}), 302, b"<html>"),
        (refused(403, "Repository was archived so is read-only."), 403, b'{"message":"Repository was archived'),
    ],
)
def test_an_answer_of_another_server_has_no_effect(github: Recorded, fault: object, status: int, body: bytes) -> None:
    github.fault(fault, method="POST")  # type: ignore[arg-type]
    answer = github.handle(Request(method="POST", path=LABELS, body=b'["x"]'))
    assert (answer.status, answer.body.startswith(body)) == (status, True)
    assert [(call.status, call.effect_status) for call in github.calls] == [(status, None)]
    assert "x" not in github.labels(1)


def test_in_process_a_dropped_connection_is_an_exception(github: Recorded) -> None:
    github.fault(reply_lost())
    with pytest.raises(ConnectionDropped):
        github.handle(Request(method="GET", path=PULLS))
    assert github.handle(Request(method="GET", path=PULLS)).status == 200


def test_faults_affect_only_the_requests_that_they_match(github: Recorded) -> None:
    github.fault(fail(503), method="GET", path="/pulls$", nth=2, times=2)
    with http(github) as send:
        assert [send("GET", PULLS).status for _ in range(4)] == [200, 503, 503, 200]
        assert send("GET", f"{PULLS}/1").status == 200
        github.fault(fail(500), times=float("inf"))
        assert {send("GET", PULLS).status for _ in range(3)} == {500}
        github.plan.clear()
        assert send("GET", PULLS).status == 200


@pytest.mark.parametrize("status", [403, 429])
def test_refusals_carry_the_headers_that_were_asked_for(github: Recorded, status: int) -> None:
    github.fault(secondary_limited(status=status, retry_after=7), nth=1)
    github.fault(secondary_limited(status=status), nth=2)
    github.fault(primary_limited(status=status, reset_in_s=90), nth=3)
    with http(github) as send:
        first, second, third = (send("POST", LABELS, body=["x"]) for _ in range(3))
    assert {first.status, second.status, third.status} == {status}
    assert first.headers["retry-after"] == "7"
    assert "retry-after" not in second.headers
    assert third.headers["x-ratelimit-remaining"] == "0"
    assert int(third.headers["x-ratelimit-reset"]) == int(github.calls[-1].at) + 90
    assert "x" not in github.labels(1)


def test_a_delay_is_slept_on_the_injected_clock_and_delays_no_other_request() -> None:
    slept: list[float] = []
    entered, leave = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        entered.set()
        assert leave.wait(10)

    github = Recorded(sleep=sleep)
    populated(github)
    github.fault(delay(5), method="POST")
    with http(github) as send:
        slow = threading.Thread(target=lambda: send("POST", LABELS, body=["x"]))
        slow.start()
        assert entered.wait(10)
        assert send("GET", LABELS).status == 200
        leave.set()
        slow.join()
    assert slept == [5]
    assert [call.method for call in github.calls] == ["GET", "POST"]


def test_the_world_can_change_before_and_after_a_call(github: Recorded) -> None:
    github.before(lambda: github.push("task-5-fix", "c" * 40), path="/pulls$")
    github.after(lambda: github.push("task-5-fix", "d" * 40), path="/pulls$")
    with http(github) as send:
        assert send("GET", PULLS).json[0]["head"]["sha"] == "c" * 40
        assert send("GET", PULLS).json[0]["head"]["sha"] == "d" * 40


def test_calls_are_recorded_without_credentials(github: Recorded) -> None:
    with http(github) as send:
        send("POST", f"{LABELS}?a=b", body={"labels": ["x"]})
        send("GET", PULLS, token="wrong-and-secret")
        send("GET", PULLS, token=None)
    first, second, third = github.calls
    assert (first.method, first.path, first.query) == ("POST", LABELS, {"a": "b"})
    assert (first.body, first.status, first.principal) == ({"labels": ["x"]}, 200, "user:automation")
    assert (second.status, second.principal) == (401, None)
    assert (third.status, third.principal) == (200, None)
    assert github.writes() == [first]
    assert TOKEN not in repr(github.calls)
    assert "wrong-and-secret" not in repr(github.calls)


def test_the_library_reports_an_outage_as_it_would_github_s(github: Recorded) -> None:
    github.fault(fail(502), path="/pulls/1")
    with pygithub(github) as client:
        repository = client.get_repo(REPOSITORY)
        with pytest.raises(GithubException) as caught:
            repository.get_pull(1)
        assert caught.value.status == 502
        assert repository.get_pull(1).number == 1


def test_one_connection_serves_many_requests_and_none_is_left(github: Recorded) -> None:
    threads = threading.active_count()
    with http(github) as send:
        for _ in range(20):
            send("GET", PULLS)
        pool = send._pool.connection_from_url(send._url)
        assert isinstance(pool, urllib3.HTTPConnectionPool)
        assert pool.num_connections == 1
    assert threading.active_count() == threads
