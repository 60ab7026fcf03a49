"""The check of what GitHub sends, with each way in which a webhook can come into being."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipelines.doctor.check import CheckStatus, Installation, exit_code, run_checks
from pipelines.doctor.subscription import subscription
from pipelines.settings import Settings
from steps.core.errors import NotFoundError
from steps.kube.resources import Resource
from tests.doubles import github as double
from tests.doubles.clock import ManualClock
from tests.support.harness import DEFAULTS
from tests.support.keys import PRIVATE, PUBLIC

Json = dict[str, Any]
REPOSITORY = "5dlabs/cto"
READS_HOOKS = {"repository_hooks": "read"}


@pytest.fixture
def github() -> double.GitHub:
    found = double.GitHub()
    found.add_repository(REPOSITORY)
    return found


@pytest.fixture
def settings(github: double.GitHub) -> Iterator[Settings]:
    events = replace(DEFAULTS.events, react_to=("push", "closed", "commands"), repositories=(REPOSITORY,))
    with double.serve(github) as url:
        yield replace(DEFAULTS, events=events, github=replace(DEFAULTS.github, api_url=url))


class Cluster:
    """An API server with the EventSource and the Secret."""

    def __init__(self, *, source: Json | None = None, secret: dict[str, str] | None = None) -> None:
        data = {key: base64.b64encode(value.encode()).decode() for key, value in (secret or {}).items()}
        self.found: Json = {"secrets": {"data": data}} if secret else {}
        if source is not None:
            self.found["eventsources"] = {"spec": {"github": {DEFAULTS.events.event_name: source}}}

    def get(self, resource: Resource, *, namespace: str, name: str) -> Json:
        del namespace
        if resource.plural not in self.found:
            raise NotFoundError(f"no {resource.plural} {name}")
        body: Json = self.found[resource.plural]
        return body


def examined(settings: Settings, *, token: str = "", **cluster: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - handed on
    kube: Any = Cluster(**cluster)
    env = {"GITHUB_TOKEN": token} if token else {}
    installation = Installation(settings=settings, kube=kube, now=ManualClock().now(), env=env)
    found = list(run_checks(installation, {"github's events": subscription}))
    assert all(each.fix for each in found if each.status is not CheckStatus.OK)
    assert exit_code(found) == 0 or CheckStatus.UNKNOWN in {each.status for each in found}
    return [(each.status.value, each.found) for each in found]


APP = {"app-id": "42", "installation-id": "7", "private-key.pem": PRIVATE}


@pytest.mark.parametrize(
    ("events", "status", "said"),
    [
        (("push", "pull_request", "issue_comment", "label"), "ok", "sends push, pull_request, issue_comment"),
        (("push", "pull_request"), "warning", "the App's webhook does not send issue_comment"),
    ],
)
def test_the_events_of_an_app_are_compared_with_the_settings(
    github: double.GitHub, settings: Settings, events: tuple[str, ...], status: str, said: str
) -> None:
    github.add_app(app_id=42, installation_id=7, public_key=PUBLIC, events=events)
    ((found, text),) = examined(settings, secret=APP)
    assert found == status
    assert said in text


def test_without_a_webhook_of_the_app_those_of_the_repositories_are_asked_for(
    github: double.GitHub, settings: Settings
) -> None:
    github.add_app(app_id=42, installation_id=7, public_key=PUBLIC, permissions={"pull_requests": "write"})
    ((status, text),) = examined(settings, secret=APP)
    assert status == "info"
    assert f"of {REPOSITORY} cannot be checked: these credentials may not read webhooks" in text
    github.add_hook(REPOSITORY, events=["*"])
    github.add_token("ghp_administrator", permissions=READS_HOOKS)
    assert examined(settings, secret=APP, token="ghp_administrator") == [
        ("ok", f"the webhook of {REPOSITORY} sends push, pull_request, issue_comment")
    ]


def test_only_an_active_webhook_that_sends_pushes_counts(github: double.GitHub, settings: Settings) -> None:
    github.add_token("ghp_administrator", permissions=READS_HOOKS)
    github.add_hook(REPOSITORY, events=["push", "issue_comment"])
    github.add_hook(REPOSITORY, events=["pull_request"])
    github.add_hook(REPOSITORY, events=["push", "pull_request"], active=False)
    found = examined(settings, secret={"token": "ghp_administrator"})
    assert found == [("warning", f"the webhook of {REPOSITORY} does not send pull_request: nothing reacts to them")]


def test_a_token_without_the_right_says_so(github: double.GitHub, settings: Settings) -> None:
    github.add_token("ghp_plain")
    ((status, text),) = examined(settings, secret={"token": "ghp_plain"})
    assert (status, "cannot be checked" in text) == ("info", True)


def test_a_repository_by_its_owner_alone_cannot_be_checked(github: double.GitHub, settings: Settings) -> None:
    github.add_token("ghp_administrator", permissions=READS_HOOKS)
    whole = replace(settings, events=replace(settings.events, repositories=("5dlabs/*",)))
    ((status, text),) = examined(whole, secret={"token": "ghp_administrator"})
    assert (status, "of 5dlabs/* cannot be checked" in text) == ("info", True)


@pytest.mark.parametrize("key", ["apiToken", "githubApp"])
def test_a_webhook_that_argo_events_creates_has_the_events_of_the_event_source(
    github: double.GitHub, settings: Settings, key: str
) -> None:
    source = {key: {"name": "x"}, "events": ["push"]}
    ((status, text),) = examined(settings, source=source)
    assert status == "warning"
    assert "EventSource github-eventsource creates does not send pull_request, issue_comment" in text
    assert examined(settings, source=source | {"events": ["*"]})[0][0] == "ok"
    assert github.calls == []


def test_an_event_source_without_credentials_creates_no_webhook(github: double.GitHub, settings: Settings) -> None:
    github.add_token("ghp_administrator", permissions=READS_HOOKS)
    source = {"events": ["push", "pull_request", "issue_comment"]}
    ((status, _),) = examined(settings, source=source, secret={"token": "ghp_administrator"})
    assert status == "warning", "the repository has no webhook"


def test_without_an_answer_of_github_the_check_is_unknown(github: double.GitHub, settings: Settings) -> None:
    github.add_token("ghp_administrator", permissions=READS_HOOKS)
    github.fault(double.fail(503), times=9)
    ((status, _),) = examined(settings, secret={"token": "ghp_administrator"})
    assert status == "unknown"
