"""The GitHub double keeps to GitHub's own description, whatever is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from github import Auth, GithubException

from tests.doubles.github import fail, primary_limited, secondary_limited
from tests.doubles.github.tests.exchanges import (
    APP_ID,
    COMMENTS,
    INSTALLATION_ID,
    LABELS,
    REPOSITORY,
    Recorded,
    http,
    key_pair,
    populated,
    pygithub,
)
from tests.schemas.openapi import Exchange, disagreements, operation_of
from tests.schemas.published import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

# The first run on a machine fetches the description.
pytestmark = pytest.mark.timeout(300)
PULLS = f"/repos/{REPOSITORY}/pulls"
COLLABORATORS = f"/repos/{REPOSITORY}/collaborators"


def _library_with_token(github: Recorded) -> None:
    with pygithub(github) as client:
        _walk(client.get_repo(REPOSITORY))
        client.get_rate_limit()


def _library_as_app(github: Recorded) -> None:
    auth = Auth.AppInstallationAuth(Auth.AppAuth(APP_ID, key_pair()[0]), INSTALLATION_ID)
    with pygithub(github, auth=Auth.AppAuth(APP_ID, key_pair()[0])) as client:
        _, app = client.requester.requestJsonAndCheck("GET", "/app")
        assert app["events"] == ["push"]
    with pygithub(github, auth=auth) as client:
        _walk(client.get_repo(REPOSITORY.upper()))


def _walk(repository: object) -> None:
    pull = repository.get_pulls(state="open", head="5dlabs:task-5-fix", base="main")[0]  # type: ignore[attr-defined]
    pull.add_to_labels("remediation-in-progress", "kind/bug")
    pull.remove_from_labels("ready-for-qa")
    with pytest.raises(GithubException):
        pull.remove_from_labels("ready-for-qa")
    pull.remove_from_labels("kind/bug")
    assert [label.name for label in pull.get_labels()] == ["iteration-1", "remediation-in-progress"]
    pull.set_labels("a", "b")
    comment = pull.create_issue_comment("one")
    comment.edit("two")
    assert [each.body for each in pull.get_issue_comments()] == ["two"]
    assert repository.get_pull(1).head.sha == "a" * 40  # type: ignore[attr-defined]


def _plain_successes(github: Recorded) -> None:
    github.add_repository("alice/cto", fork=True)
    github.add_pull_request(head="patch", sha="c" * 40, repository=REPOSITORY, head_repository="alice/cto", draft=True)
    github.delete_repository("alice/cto")
    github.push("task-5-fix", "d" * 40)
    github.push("task-5-fix", "e" * 40, forced=True)
    github.close(1, merged=True)
    with http(github) as send:
        assert send("GET", f"{PULLS}?state=all&sort=updated&direction=asc&per_page=1&page=2").status == 200
        assert send("GET", f"{PULLS}/2").json["head"]["repo"] is None
        assert send("GET", f"{PULLS}/1").json["merged"]
        assert send("POST", LABELS, body={"labels": ["x"]}).status == 200
        assert send("POST", LABELS, body=["y"]).status == 200
        assert send("PUT", LABELS, body={"labels": ["z"]}).status == 200
        assert send("DELETE", LABELS).status == 204
        assert send("GET", f"/repos/{REPOSITORY}/labels/Ready-for-QA").json["name"] == "ready-for-qa"
        assert send("POST", COMMENTS, body={"body": "hello"}).status == 201
        assert send("GET", f"{COMMENTS}?per_page=100&page=1").json[0]["user"]["login"] == "automation"
        assert send("GET", "/user").json["login"] == "automation"
        github.add_hook(REPOSITORY, events=["push", "pull_request"])
        github.add_token("owner", login="alice", permissions={"repository_hooks": "read"})
        (hook,) = send("GET", f"/repos/{REPOSITORY}/hooks", token="owner").json
        assert (hook["events"], hook["active"]) == (["push", "pull_request"], True)
        github.give_role("alice", "maintain")
        found = send("GET", f"{COLLABORATORS}/Alice/permission").json
        assert (found["permission"], found["role_name"], found["user"]["login"]) == ("write", "maintain", "alice")
        github.give_role("alice", None)
        assert send("GET", f"{COLLABORATORS}/alice/permission").json["permission"] == "read", "of a public repository"
        assert len(send("GET", f"/repos/{REPOSITORY}/activity?ref=task-5-fix&per_page=1&time_period=day").json) == 1
        tag = send("GET", f"/repos/{REPOSITORY}").headers["etag"]
        assert send("GET", f"{PULLS}?state=all", if_none_match=tag).status == 200
        tag = send("GET", f"{PULLS}/1").headers["etag"]
        assert send("GET", f"{PULLS}/1", if_none_match=tag).status == 304


def _plain_errors(github: Recorded) -> None:
    github.add_repository("5dlabs/secret", private=True)
    github.add_token("blind", login="b", repositories=[REPOSITORY], permissions={"metadata": "read"})
    with http(github) as send:
        assert send("GET", PULLS, token="wrong").status == 401
        assert send("POST", LABELS, token=None, body=["x"]).status == 401
        assert send("POST", LABELS, token="blind", body=["x"]).status == 403
        assert send("GET", f"/repos/{REPOSITORY}/labels/absent").status == 404
        assert send("GET", "/repos/5dlabs/secret", token="blind").status == 404
        assert send("GET", f"{PULLS}/9").status == 404
        assert send("DELETE", f"{LABELS}/absent").status == 404
        assert send("POST", LABELS, body={"labels": [""]}).status == 422
        assert send("POST", COMMENTS, token="blind", body={"body": "x"}).status == 403
        assert send("POST", COMMENTS, body={"body": " "}).status == 422
        assert send("POST", COMMENTS, body={"body": "x" * 65537}).status == 422
        assert send("PATCH", f"/repos/{REPOSITORY}/issues/comments/1", body={"body": "x"}).status == 404
        assert send("GET", "/user", token=None).status == 401
        assert send("GET", "/app").status == 401
        assert send("GET", f"/repos/{REPOSITORY}/hooks", token="blind").status == 404
        assert send("GET", f"{COLLABORATORS}/nobody/permission").json["message"] == "nobody is not a user"
        assert send("GET", f"{COLLABORATORS}/automation/permission", token=None).status == 401
        assert send("GET", f"{COLLABORATORS}/automation/permission", token="blind").status == 403
        github.lock(1, repository=REPOSITORY)
        assert send("POST", COMMENTS, body={"body": "x"}).status == 403
        assert send("GET", f"{PULLS}?state=open&sort=created&per_page=100", token=None).status == 200
        assert send("POST", f"/app/installations/{INSTALLATION_ID}/access_tokens", token="no.j.wt").status == 401


def _outages_and_limits(github: Recorded) -> None:
    github.fault(fail(500), path="/pulls")
    github.fault(fail(502, applied=True), method="POST")
    github.fault(fail(503), path="/pulls", nth=2)
    github.fault(secondary_limited(), method="DELETE", nth=1)
    github.fault(secondary_limited(status=429, retry_after=3), method="DELETE", nth=2)
    github.fault(primary_limited(), method="DELETE", nth=3)
    github.fault(primary_limited(status=429), method="DELETE", nth=4)
    with http(github) as send:
        assert send("GET", PULLS).status == 500
        assert send("POST", LABELS, body=["x"]).status == 502
        assert send("GET", PULLS).status == 503
        assert [send("DELETE", f"{LABELS}/x").status for _ in range(5)] == [403, 429, 403, 429, 200]


SCENARIOS: list[Callable[[Recorded], None]] = [
    _library_with_token,
    _library_as_app,
    _plain_successes,
    _plain_errors,
    _outages_and_limits,
]


def _exchanges(scenario: Callable[[Recorded], None]) -> list[Exchange]:
    github = Recorded()
    populated(github)
    scenario(github)
    return github.exchanges


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__.strip("_"))
def test_every_exchange_is_as_described(scenario: Callable[[Recorded], None]) -> None:
    exchanges = _exchanges(scenario)
    assert exchanges
    assert [problem for exchange in exchanges for problem in disagreements(exchange)] == []


def test_the_scenarios_cover_every_operation_and_every_kind_of_answer() -> None:
    exchanges = [exchange for scenario in SCENARIOS for exchange in _exchanges(scenario)]
    succeeded = {operation_of(exchange) for exchange in exchanges if exchange.status < 300}
    assert succeeded == set(OPERATIONS)
    assert {exchange.status for exchange in exchanges} == {
        *(200, 201, 204, 304),
        *(401, 403, 404, 422, 429),
        *(500, 502, 503),
    }


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (Exchange(method="GET", path="/nowhere", status=200), "no such operation"),
        (Exchange(method="GET", path=PULLS, query={"heads": "x"}, status=200), "undescribed query parameter heads"),
        (Exchange(method="GET", path=PULLS, query={"state": "merged"}, status=200), "parameter state"),
        (Exchange(method="GET", path=PULLS, status=418), "undescribed status 418"),
        (Exchange(method="GET", path=PULLS, status=200, content_type="text/html"), "content type"),
        (Exchange(method="GET", path=PULLS, status=304, body=b"{}"), "a body where there is none"),
        (Exchange(method="POST", path=LABELS, sent={"labels": [5]}, status=200), "request body"),
        (
            Exchange(method="GET", path=LABELS, status=200, content_type="application/json", body=b'[{"name": 5}]'),
            "5 is not of type 'string'",
        ),
        (
            Exchange(
                method="GET",
                path="/rate_limit",
                status=200,
                content_type="application/json",
                body=b'{"rate": {"limit": 1, "remaining": 1, "reset": 1, "used": 0}, "resources": {}, "made_up": 1}',
            ),
            "'made_up' was unexpected",
        ),
    ],
)
def test_the_checker_notices(exchange: Exchange, expected: str) -> None:
    assert any(expected in problem for problem in disagreements(exchange)), disagreements(exchange)
