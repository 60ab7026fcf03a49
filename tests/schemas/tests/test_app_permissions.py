"""The GitHub App's manifest against GitHub's own page on permissions: enough for every call, and nothing more."""

from __future__ import annotations

import pytest

from pipelines.starter.github_app import github_app_manifest
from tests.schemas.app_permissions import accepted
from tests.support.harness import DEFAULTS

_ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"
# What steps/github/operations/ asks. Its own tests compare each request with GitHub's description.
USED = {
    ("get", "/repos/{owner}/{repo}/pulls"),
    ("get", "/repos/{owner}/{repo}/pulls/{pull_number}"),
    ("get", f"{_ISSUE}/comments"),
    ("post", f"{_ISSUE}/comments"),
    ("patch", "/repos/{owner}/{repo}/issues/comments/{comment_id}"),
    ("post", f"{_ISSUE}/labels"),
    ("delete", f"{_ISSUE}/labels/{{name}}"),
}
# The page does not have these: the double in tests/doubles/github says what they take.
NOT_ON_THE_PAGE = {
    ("get", "/repos/{owner}/{repo}/activity"),
    ("get", "/repos/{owner}/{repo}/collaborators/{username}/permission"),
}
PERMISSIONS = github_app_manifest(DEFAULTS, name="a", url="https://example.com", webhook="")["default_permissions"]


def granted(permissions: dict[str, str]) -> set[tuple[str, str]]:
    """Every level that the permissions include."""
    lower = {(name, "read") for name, level in permissions.items() if level == "write"}
    return set(permissions.items()) | lower


@pytest.mark.parametrize(("method", "path"), sorted(USED))
def test_the_manifest_allows_every_call(method: str, path: str) -> None:
    assert accepted(method, path) & granted(PERMISSIONS)


@pytest.mark.parametrize(("method", "path"), sorted(NOT_ON_THE_PAGE))
def test_what_the_page_lacks_is_known_to_be_lacking(method: str, path: str) -> None:
    assert accepted(method, path) == frozenset()


def test_labels_and_comments_take_pull_requests_alone() -> None:
    """So an App with no permission on issues can move labels and comment on pull requests."""
    writes = {each for each in USED if each[0] != "get"}
    assert all(("pull_requests", "write") in accepted(*each) for each in writes)


def test_no_permission_could_be_left_out_or_lowered() -> None:
    for smaller in ({"pull_requests": "read"}, {"pull_requests": "none"}):
        assert not all(accepted(*each) & granted(PERMISSIONS | smaller) for each in USED)
    assert set(PERMISSIONS) == {"metadata", "pull_requests", "contents"}
