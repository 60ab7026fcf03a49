"""The GitHub App's manifest: what it asks for, and that a GitHub which grants no more is enough."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipelines.cli.main import main
from pipelines.client.github import PersonalGitHub, connect_github
from pipelines.settings import Settings
from pipelines.starter.github_app import github_app_manifest, web_address
from steps.core.errors import StepError
from steps.telemetry.audit import WriteCause, WriteReason
from tests.doubles import github as double
from tests.support.harness import DEFAULTS
from tests.support.keys import PRIVATE, PUBLIC
from tests.support.settings_files import write_settings

REPOSITORY = "5dlabs/cto"
HOOK = "https://hooks.example.com/github/webhook"


def manifest(settings: Settings = DEFAULTS, *, webhook: str = "") -> dict[str, object]:
    return github_app_manifest(settings, name="canceller", url="https://example.com", webhook=webhook)


def reacting(*events: Any) -> Settings:  # noqa: ANN401 - literals
    return replace(DEFAULTS, events=replace(DEFAULTS.events, react_to=events))


@pytest.mark.parametrize(
    ("settings", "webhook", "permissions", "events"),
    [
        (reacting("push"), "", {"metadata", "pull_requests", "contents"}, []),
        (reacting("push"), HOOK, {"metadata", "pull_requests", "contents"}, ["push"]),
        (reacting("push", "closed"), HOOK, {"metadata", "pull_requests", "contents"}, ["push", "pull_request"]),
        (
            reacting("push", "commands"),
            HOOK,
            {"metadata", "pull_requests", "contents", "issues"},
            ["push", "issue_comment"],
        ),
    ],
)
def test_it_asks_for_what_the_settings_need(
    settings: Settings, webhook: str, permissions: set[str], events: list[str]
) -> None:
    made = manifest(settings, webhook=webhook)
    assert made["default_events"] == events
    granted = made["default_permissions"]
    assert isinstance(granted, dict)
    assert set(granted) == permissions
    assert {name for name, level in granted.items() if level == "write"} == {"pull_requests"}
    assert made["public"] is False


@pytest.mark.parametrize(
    ("api", "site"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://github.example.com/api/v3", "https://github.example.com"),
        ("https://api.octo.ghe.com", "https://octo.ghe.com"),
    ],
)
def test_the_page_is_sent_to_the_github_of_the_settings(api: str, site: str) -> None:
    assert web_address(replace(DEFAULTS, github=replace(DEFAULTS.github, api_url=api))) == site


def test_the_page_sends_the_manifest_that_is_printed(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path_factory.mktemp("folder")
    write_settings(folder)
    monkeypatch.chdir(folder)
    given = ["register", "--organization", "octo-org", "--webhook", HOOK, "--name", 'a "b" <c>']
    assert main(given) == 0
    page = capsys.readouterr().out
    assert main([*given, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    sent = re.search(r'name="manifest" value="([^"]*)"', page)
    assert sent
    assert json.loads(html.unescape(sent[1])) == printed
    assert 'action="https://github.com/organizations/octo-org/settings/apps/new"' in page
    assert "<c>" not in page


@pytest.mark.parametrize("given", [["--organization", "a/b"], ["--webhook", "http://example.com"]])
def test_what_github_would_refuse_is_refused_here(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["register", *given])
    assert "invalid" in capsys.readouterr().err


# A GitHub that grants what the manifest asks for, and no more.

WHY = WriteReason(cause=WriteCause.ADD_LABEL, epoch=1)
CALLS: dict[str, Callable[[PersonalGitHub], object]] = {
    "pull requests of a branch": lambda github: github.open_pull_requests(repository=REPOSITORY, branch="task-7-work"),
    "pull request": lambda github: github.pull_request(repository=REPOSITORY, number=1),
    "lost pushes": lambda github: github.activity(repository=REPOSITORY),
    "head's own push": lambda github: github.branch_activity(repository=REPOSITORY, ref="refs/heads/task-7-work"),
    "who may command": lambda github: github.permission(repository=REPOSITORY, login="rex"),
    "add label": lambda github: github.add_label(repository=REPOSITORY, number=1, label="a", reason=WHY),
    "remove label": lambda github: github.remove_label(repository=REPOSITORY, number=1, label="a", reason=WHY),
    "comment": lambda github: github.add_comment(repository=REPOSITORY, number=1, body="x", reason=WHY),
}
NEEDS = {
    "pull requests of a branch": "pull_requests",
    "pull request": "pull_requests",
    "lost pushes": "contents",
    "head's own push": "contents",
    "who may command": "metadata",
    "add label": "pull_requests",
    "remove label": "pull_requests",
    "comment": "pull_requests",
}


def refused(permissions: dict[str, str], *, labels: tuple[str, ...] = ("a",)) -> set[str]:
    """The calls that an App with these permissions may not make in a private repository with these labels."""
    github = double.GitHub()
    github.add_repository(REPOSITORY, private=True, labels=labels)
    github.give_role("rex", "write")
    github.add_pull_request(head="task-7-work", sha="a" * 40)
    github.add_app(app_id=42, installation_id=7, public_key=PUBLIC, permissions=permissions)
    found = {"app-id": "42", "installation-id": "7", "private-key.pem": PRIVATE}
    failed = set()
    with double.serve(github) as url:
        client = connect_github(replace(DEFAULTS.github, api_url=url, attempts=1), found=found, where="the test")
        for name, call in CALLS.items():
            try:
                call(client)
            except StepError:
                failed.add(name)
    return failed


def test_an_app_with_these_permissions_may_make_every_call() -> None:
    granted = manifest()["default_permissions"]
    assert isinstance(granted, dict)
    assert refused(granted) == set()


def test_only_write_access_to_issues_creates_a_label_that_the_repository_lacks() -> None:
    granted = manifest()["default_permissions"]
    assert isinstance(granted, dict)
    assert refused(granted, labels=()) == {"add label"}
    assert refused(granted | {"issues": "write"}, labels=()) == set()


@pytest.mark.parametrize("lacking", ["pull_requests", "contents"])
def test_without_one_of_them_the_calls_that_need_it_are_refused(lacking: str) -> None:
    granted = manifest()["default_permissions"]
    assert isinstance(granted, dict)
    left = {name: level for name, level in granted.items() if name != lacking}
    assert refused(left) == {call for call, need in NEEDS.items() if need == lacking}
