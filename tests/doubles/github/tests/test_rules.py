"""GitHub's rules as the double enforces them: identity, permissions, limits, lists and labels."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from github import Auth, GithubException

from tests.doubles.github.tests.exchanges import (
    APP_ID,
    INSTALLATION_ID,
    LABELS,
    REPOSITORY,
    START,
    TOKEN,
    Clock,
    Recorded,
    http,
    key_pair,
    populated,
    pygithub,
)

PULLS = f"/repos/{REPOSITORY}/pulls"
ISSUE = f"/app/installations/{INSTALLATION_ID}/access_tokens"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def github(clock: Clock) -> Recorded:
    double = Recorded(clock=clock)
    populated(double)
    return double


def test_names_are_found_in_any_case_and_answered_in_their_own(github: Recorded) -> None:
    with http(github) as send:
        assert send("GET", f"/repos/{REPOSITORY.upper()}").json["full_name"] == REPOSITORY
        assert send("DELETE", f"{LABELS}/READY-FOR-QA").status == 200
        send("POST", LABELS, body=["Iteration-1"])
    assert github.labels(1) == ("iteration-1",)


def test_adding_is_a_union_that_creates_what_the_repository_lacks(github: Recorded) -> None:
    with http(github) as send:
        answer = send("POST", LABELS, body={"labels": ["brand-new", {"name": "iteration-1"}]})
        assert [label["name"] for label in answer.json] == ["ready-for-qa", "iteration-1", "brand-new"]
        assert send("POST", LABELS, body={"labels": ["brand-new"]}).json == answer.json
    assert "brand-new" in github.world.repositories[REPOSITORY].labels


@pytest.mark.parametrize("name", ["kind/bug", "a b", "100%", "ü?#", "x+y"])
def test_a_label_of_any_spelling_can_be_removed(github: Recorded, name: str) -> None:
    github.edit_labels(1, add=[name])
    with pygithub(github) as client:
        client.get_repo(REPOSITORY).get_pull(1).remove_from_labels(name)
    assert name not in github.labels(1)


def test_replacing_the_set_loses_what_someone_added_meanwhile(github: Recorded) -> None:
    github.after(lambda: github.edit_labels(1, add=["needs-human"]), method="GET", path="/labels$")
    with http(github) as send:
        read = [label["name"] for label in send("GET", LABELS).json]
        send("PUT", LABELS, body={"labels": [*read, "remediation-in-progress"]})
    assert "needs-human" not in github.labels(1)


def test_adding_and_removing_one_by_one_loses_nothing(github: Recorded) -> None:
    github.after(lambda: github.edit_labels(1, add=["needs-human"]), method="GET", path="/labels$")
    with http(github) as send:
        send("GET", LABELS)
        send("POST", LABELS, body=["remediation-in-progress"])
        send("DELETE", f"{LABELS}/ready-for-qa")
    assert set(github.labels(1)) == {"iteration-1", "needs-human", "remediation-in-progress"}


def test_preconditions_on_writes_are_cosmetic(github: Recorded) -> None:
    with http(github) as send:
        assert send("DELETE", f"{LABELS}/ready-for-qa", if_match='"stale"').status == 200


@pytest.mark.parametrize(
    "body", [{"labels": [""]}, {"labels": ["x" * 51]}, {"labels": 5}, [None], {"labels": [f"l{n}" for n in range(101)]}]
)
def test_unusable_labels_are_refused_and_change_nothing(github: Recorded, body: object) -> None:
    before = github.labels(1)
    with http(github) as send:
        answer = send("POST", LABELS, body=body)
        assert (answer.status, answer.json["message"]) == (422, "Validation Failed")
        assert send("POST", LABELS, body=b"{").status == 400
    assert github.labels(1) == before


def test_many_writers_at_once_lose_nothing(github: Recorded) -> None:
    names = [f"label-{number}" for number in range(50)]
    with http(github) as send, ThreadPoolExecutor(max_workers=10) as pool:
        statuses = set(pool.map(lambda name: send("POST", LABELS, body=[name]).status, names))
    assert statuses == {200}
    assert set(names) <= set(github.labels(1))


def test_what_cannot_be_found_differs_only_in_its_message(github: Recorded) -> None:
    github.add_repository("5dlabs/secret", private=True)
    github.add_token("narrow", login="n", repositories=[REPOSITORY])
    with http(github) as send:
        absent = send("DELETE", f"{LABELS}/absent")
        hidden = send("GET", "/repos/5dlabs/secret", token="narrow")
        others = [send("GET", path) for path in ("/repos/no/where", f"{PULLS}/99", "/zen")]
        assert {answer.status for answer in (absent, hidden, *others)} == {404}
        assert absent.json["message"] == "Label does not exist"
        assert {answer.json["message"] for answer in (hidden, *others)} == {"Not Found"}
        assert send("GET", "/repos/5dlabs/secret").status == 200
        assert send("GET", "/repos/5dlabs/secret", token=None).status == 404


def test_reading_a_public_repository_needs_no_permission_but_writing_does(github: Recorded) -> None:
    github.add_token("reader", login="r", permissions={"pull_requests": "read"})
    github.add_token("writer", login="w", permissions={"pull_requests": "write"})
    with http(github) as send:
        assert send("GET", PULLS, token=None).status == 200
        assert send("POST", LABELS, token=None, body=["x"]).json["message"] == "Requires authentication"
        refused = send("POST", LABELS, token="reader", body=["x"])
        assert (refused.status, refused.json["message"]) == (403, "Resource not accessible by personal access token")
        assert refused.headers["x-accepted-github-permissions"] == "issues=write; pull_requests=write"
        assert send("POST", LABELS, token="writer", body=["iteration-1"]).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_access_to_pull_requests_alone_creates_no_label(github: Recorded, method: str) -> None:
    github.add_token("writer", login="w", permissions={"pull_requests": "write"})
    before = github.labels(1)
    with http(github) as send:
        refused = send(method, LABELS, token="writer", body=["iteration-1", "brand-new"])
    assert refused.status == 403
    assert refused.json["message"] == "You do not have permission to create labels on this repository."
    assert refused.json["errors"] == [{"resource": "Repository", "field": "label", "code": "unauthorized"}]
    assert github.labels(1) == before


def test_a_token_ends_when_it_expires_or_is_revoked(github: Recorded, clock: Clock) -> None:
    github.add_token("short", login="s", expires_at=clock.now + 60)
    with http(github) as send:
        assert send("GET", PULLS, token="short").status == 200
        clock.now += 60
        expired = send("GET", PULLS, token="short")
        assert (expired.status, expired.json["message"]) == (401, "Bad credentials")
        github.access.revoke(TOKEN)
        assert send("GET", PULLS).status == 401
        assert send("GET", PULLS, authorization="Basic nonsense").status == 401


def _token(key: str, **changes: Any) -> str:  # noqa: ANN401 - claims are any JSON
    claims = {"iss": str(APP_ID), "iat": int(START) - 60, "exp": int(START) + 300} | changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm="RS256")


@pytest.mark.parametrize(
    ("claims", "status", "words"),
    [
        ({"iss": "43"}, 404, "Integration not found"),
        ({"iat": int(START) + 60}, 401, "'Issued at' claim"),
        ({"iat": None}, 401, "'Issued at' claim"),
        ({"exp": int(START)}, 401, "'exp') must be a numeric value"),
        ({"exp": None}, 401, "'exp') must be a numeric value"),
        ({"exp": int(START) + 601}, 401, "is too far in the future"),
    ],
)
def test_an_app_must_present_sound_claims(github: Recorded, claims: dict[str, Any], status: int, words: str) -> None:
    with http(github) as send:
        answer = send("POST", ISSUE, token=_token(key_pair()[0], **claims))
    assert answer.status == status
    assert words in answer.json["message"]


def test_an_app_must_sign_with_its_own_key(github: Recorded) -> None:
    unsigned = jwt.encode({"iss": str(APP_ID), "iat": int(START), "exp": int(START) + 9}, "", algorithm="none")
    with http(github) as send:
        for token in (_token(key_pair(1)[0]), unsigned, "nonsense", ""):
            assert send("POST", ISSUE, token=token).status == 401
        assert send("POST", ISSUE, token=_token(key_pair()[0])).status == 201


def test_an_installation_token_carries_what_was_granted_and_no_more(github: Recorded, clock: Clock) -> None:
    with http(github) as send:
        app = _token(key_pair()[0])
        whole = send("POST", ISSUE, token=app).json
        assert whole["permissions"]["issues"] == "write"
        narrow = send("POST", ISSUE, token=app, body={"permissions": {"pull_requests": "read"}}).json["token"]
        refused = send("POST", LABELS, token=narrow, body=["x"])
        assert (refused.status, refused.json["message"]) == (403, "Resource not accessible by integration")
        assert send("POST", ISSUE, token=app, body={"permissions": {"administration": "write"}}).status == 422
        assert send("POST", ISSUE.replace("/7/", "/8/"), token=app).status == 404
        assert send("POST", LABELS, token=whole["token"], body=["x"]).status == 200
        clock.now += 3600
        assert send("GET", PULLS, token=whole["token"]).status == 401


def test_the_library_renews_an_installation_token_by_itself() -> None:
    github = Recorded(clock=time.time)
    populated(github)
    auth = Auth.AppInstallationAuth(Auth.AppAuth(APP_ID, key_pair()[0]), INSTALLATION_ID)
    with pygithub(github, auth=auth) as client:
        client.get_repo(REPOSITORY).get_pull(1).add_to_labels("x")
    principals = {call.principal for call in github.calls if not call.path.startswith("/app/")}
    assert principals == {f"installation:{INSTALLATION_ID}"}


def test_the_hour_ends_in_a_refusal_that_says_when_to_come_back(github: Recorded, clock: Clock) -> None:
    github.limits.primary = 3
    with http(github) as send:
        assert [send("GET", PULLS).headers["x-ratelimit-remaining"] for _ in range(3)] == ["2", "1", "0"]
        refused = send("GET", PULLS)
        assert refused.status == 403
        assert refused.json["message"].startswith("API rate limit exceeded for user ID")
        assert refused.headers["x-ratelimit-reset"] == str(int(START) + 3600)
        assert "retry-after" not in refused.headers
        assert send("GET", "/rate_limit").json["rate"]["remaining"] == 0
        github.limits.refusal_status = 429
        assert send("GET", PULLS).status == 429
        clock.now += 3600
        assert send("GET", PULLS).status == 200


def test_each_principal_has_an_hour_of_its_own_however_many_tokens(github: Recorded) -> None:
    github.add_token("second", login="automation")
    github.add_token("other", login="someone")
    github.limits.exhaust("user:automation")
    with http(github) as send:
        assert [send("GET", PULLS, token=token).status for token in (TOKEN, "second", "other")] == [403, 403, 200]
        assert send("GET", PULLS, token=None).headers["x-ratelimit-limit"] == "60"


def test_an_answer_that_has_not_changed_costs_nothing(github: Recorded) -> None:
    with http(github) as send:
        first = send("GET", f"{PULLS}/1")
        again = send("GET", f"{PULLS}/1", if_none_match=first.headers["etag"])
        assert (again.status, again.json) == (304, None)
        assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
        github.push("task-5-fix", "f" * 40)
        assert send("GET", f"{PULLS}/1", if_none_match=first.headers["etag"]).status == 200


def test_going_too_fast_is_refused_although_the_hour_is_young(github: Recorded, clock: Clock) -> None:
    github.limits.secondary_points = 6
    with http(github) as send:
        assert send("POST", LABELS, body=["x"]).status == 200
        assert send("GET", LABELS).status == 200
        refused = send("GET", LABELS)
        assert refused.status == 403
        assert refused.json["message"].startswith("You have exceeded a secondary rate limit")
        assert int(refused.headers["x-ratelimit-remaining"]) > 0
        github.limits.retry_after = False
        assert int(refused.headers["retry-after"]) == 61
        assert "retry-after" not in send("GET", LABELS).headers
        clock.now += 60
        assert send("GET", LABELS).status == 200


def test_pull_requests_are_found_by_owner_and_branch(github: Recorded) -> None:
    github.add_repository("alice/cto", fork=True)
    github.add_pull_request(head="task-5-fix", sha="c" * 40, repository=REPOSITORY, head_repository="alice/cto")
    github.add_pull_request(head="task-6", sha="d" * 40, state="closed")

    with http(github) as send:

        def numbers(query: str) -> list[int]:
            return [pull["number"] for pull in send("GET", f"{PULLS}?{query}").json]

        assert numbers("head=5dlabs:task-5-fix") == [1]
        assert numbers("head=ALICE:task-5-fix") == [2]
        assert numbers("head=alice:TASK-5-fix") == []
        assert numbers("head=task-5-fix") == [2, 1], "without an owner the filter is ignored"
        assert numbers("state=all&direction=asc") == [1, 2, 3]
        assert numbers("state=closed&base=main") == [3]
        assert numbers("base=other") == []
        assert send("GET", f"{PULLS}?state=merged").status == 422


def test_a_pull_request_outlives_the_fork_it_came_from(github: Recorded) -> None:
    github.add_repository("alice/cto", fork=True)
    github.add_pull_request(head="patch", sha="c" * 40, repository=REPOSITORY, head_repository="alice/cto")
    with pygithub(github) as client:
        assert client.get_repo(REPOSITORY).get_pull(2).head.repo.full_name == "alice/cto"
        github.delete_repository("alice/cto")
        pull = client.get_repo(REPOSITORY).get_pull(2)
        assert pull.raw_data["head"]["repo"] is None
        assert (pull.head.ref, pull.head.sha) == ("patch", "c" * 40)


def test_a_push_moves_the_heads_of_open_pull_requests_only(github: Recorded) -> None:
    github.add_repository("alice/cto", fork=True)
    github.add_pull_request(head="task-5-fix", sha="c" * 40, repository=REPOSITORY, head_repository="alice/cto")
    github.add_pull_request(head="task-5-fix", sha="b" * 40, state="closed")
    github.push("task-5-fix", "e" * 40)
    assert [github.pull_request(number).head_sha[0] for number in (1, 2, 3)] == ["e", "c", "b"]


def test_a_pull_request_that_is_opened_again_has_caught_up_with_its_branch(github: Recorded) -> None:
    github.close(1)
    github.push("task-5-fix", "e" * 40)
    closed = github.pull_request(1)
    assert (closed.state, closed.head_sha[0]) == ("closed", "a")
    github.reopen(1)
    again = github.pull_request(1)
    assert (again.state, again.closed_at, again.head_sha) == ("open", None, "e" * 40)
    assert again.updated_at >= closed.updated_at


def test_lists_come_in_pages_that_link_to_each_other(github: Recorded) -> None:
    for number in range(2, 66):
        github.add_pull_request(head=f"task-{number}", sha="a" * 40)
    with pygithub(github) as client:
        assert len(list(client.get_repo(REPOSITORY).get_pulls())) == 65
    assert [call.query.get("page") for call in github.calls if call.path == PULLS] == [None, "2", "3"]
    with http(github) as send:
        link = send("GET", f"{PULLS}?per_page=20&page=2").headers["link"]
        assert [part.split("rel=")[1] for part in link.split(", ")] == ['"prev"', '"first"', '"next"', '"last"']
        assert len(send("GET", f"{PULLS}?per_page=1000").json) == 65
        assert "link" not in send("GET", f"{PULLS}?per_page=100").headers
        assert send("GET", f"{PULLS}?page=99").json == []


def test_activity_lists_pushes_newest_first_and_pages_by_cursor(github: Recorded, clock: Clock) -> None:
    for letter in "bcd":
        clock.now += 1
        github.push("task-5-fix", letter * 40, forced=letter == "d")
    github.push("new-branch", "e" * 40, actor="alice")
    path = f"/repos/{REPOSITORY}/activity"
    with http(github) as send:
        kinds = [entry["activity_type"] for entry in send("GET", path).json]
        assert kinds == ["branch_creation", "force_push", "push", "push"]
        assert [entry["actor"]["login"] for entry in send("GET", f"{path}?actor=ALICE").json] == ["alice"]
        first = send("GET", f"{path}?ref=task-5-fix&per_page=2")
        second = send("GET", first.headers["link"].split(">")[0].removeprefix("<").partition("127.0.0.1")[2][6:])
        assert [entry["after"][0] for entry in (*first.json, *second.json)] == ["d", "c", "b"]
        assert send("GET", f"{path}?time_period=fortnight").status == 422


def test_the_library_does_not_take_an_absent_label_for_an_unknown_object(github: Recorded) -> None:
    with pygithub(github) as client:
        pull = client.get_repo(REPOSITORY).get_pull(1)
        with pytest.raises(GithubException) as caught:
            pull.remove_from_labels("absent")
    assert (type(caught.value), caught.value.status) == (GithubException, 404)
    assert caught.value.data["message"] == "Label does not exist"


@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("POST", 307), ("DELETE", 307)])
def test_a_former_name_is_redirected_to_the_repositorys_number(github: Recorded, method: str, status: int) -> None:
    before = github.labels(1)
    github.rename_repository(REPOSITORY, "5dlabs/renamed")
    path = f"/repos/{REPOSITORY.upper()}/issues/1/labels"
    number = github.repository("5dlabs/renamed").id
    with http(github) as send:
        answer = send(method, f"{path}?page=1", body=["x"] if method == "POST" else None)
        assert answer.status == status
        assert answer.headers["location"].endswith(f"/repositories/{number}/issues/1/labels?page=1")
        assert send("GET", f"/repositories/{number}").json["full_name"] == "5dlabs/renamed"
        assert send("GET", f"/repositories/{number}/issues/1/labels").status == 200
    assert github.labels(1, repository="5dlabs/renamed") == before


def test_a_new_repository_takes_the_former_name_back(github: Recorded) -> None:
    github.rename_repository(REPOSITORY, "5dlabs/renamed")
    github.add_repository(REPOSITORY)
    with http(github) as send:
        assert send("GET", f"/repos/{REPOSITORY}").status == 200


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_new_token_may_be_unknown_for_a_while(github: Recorded, clock: Clock, status: int) -> None:
    github.delay_new_tokens(3, status=status)
    with http(github) as send:
        token = send("POST", ISSUE, token=_token(key_pair()[0])).json["token"]
        assert send("GET", PULLS, token=token).status == status
        clock.now += 3
        assert send("GET", PULLS, token=token).status == 200
