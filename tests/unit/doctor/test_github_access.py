"""The check of GitHub's access: each repository can be read, and has the labels that the steps add."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipelines.doctor.check import CheckStatus, Installation, run_checks
from pipelines.doctor.credentials import github_access
from pipelines.settings import Settings
from steps.kube.resources import Resource
from steps.settings.types import Event
from tests.doubles import github as double
from tests.doubles.clock import ManualClock
from tests.support.harness import DEFAULTS
from tests.support.keys import PRIVATE, PUBLIC

REPOSITORY = "5dlabs/cto"
APP = {"app-id": "42", "installation-id": "7", "private-key.pem": PRIVATE}
CAN_BE_READ = ("ok", f"{REPOSITORY} can be read, and its pull requests can be written", "")


REGISTERED = {"metadata": "read", "contents": "read", "pull_requests": "write"}


def install(github: double.GitHub, permissions: dict[str, str]) -> None:
    """Install the App with these permissions."""
    github.add_app(app_id=42, installation_id=7, public_key=PUBLIC, permissions=permissions)


@pytest.fixture
def github() -> double.GitHub:
    found = double.GitHub()
    install(found, REGISTERED)
    return found


@pytest.fixture
def settings(github: double.GitHub) -> Iterator[Settings]:
    events = replace(DEFAULTS.events, repositories=(REPOSITORY,))
    with double.serve(github) as url:
        yield replace(DEFAULTS, events=events, github=replace(DEFAULTS.github, api_url=url))


class Cluster:
    """An API server with the Secret of a GitHub App."""

    def get(self, resource: Resource, *, namespace: str, name: str) -> dict[str, Any]:
        del resource, namespace, name
        return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in APP.items()}}


def examined(settings: Settings) -> list[tuple[str, str, str]]:
    kube: Any = Cluster()
    installation = Installation(settings=settings, kube=kube, now=ManualClock().now(), env={})
    return [(each.status.value, each.found, each.fix) for each in run_checks(installation, {"github": github_access})]


def test_a_repository_with_the_labels_is_fine_however_it_spells_them(github: double.GitHub, settings: Settings) -> None:
    github.add_repository(REPOSITORY, private=True, labels=["Remediation-in-Progress"])
    assert examined(settings) == [CAN_BE_READ]


def test_a_label_that_the_repository_lacks_is_named_with_the_command_that_creates_it(
    github: double.GitHub, settings: Settings
) -> None:
    github.add_repository(REPOSITORY, private=True)
    spaced = replace(settings, labels=replace(settings.labels, add="in remediation"))
    found, (status, text, fix) = examined(spaced)
    assert found == CAN_BE_READ
    assert (status, fix) == (CheckStatus.WARNING.value, f"gh label create 'in remediation' --repo {REPOSITORY}")
    assert text.startswith(f"{REPOSITORY} has no label in remediation: GitHub refuses to add it")


@pytest.mark.parametrize(("events", "lacking"), [(("push",), 0), (("push", "commands"), 1)])
def test_the_skip_label_is_added_only_by_a_command(
    github: double.GitHub, settings: Settings, events: tuple[Event, ...], lacking: int
) -> None:
    github.add_repository(REPOSITORY, private=True, labels=["remediation-in-progress"])
    found = examined(replace(settings, events=replace(settings.events, react_to=events)))
    assert len(found) == 1 + lacking


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ({"contents": "none"}, "give the App or token read access to contents"),
        ({"pull_requests": "read"}, "give the App read and write access to pull requests"),
    ],
)
@pytest.mark.parametrize("private", [True, False], ids=["private", "public"])
def test_a_permission_that_the_app_lacks_is_named(
    github: double.GitHub, settings: Settings, lacking: dict[str, str], said: str, *, private: bool
) -> None:
    github.add_repository(REPOSITORY, private=private, labels=["remediation-in-progress"])
    install(github, REGISTERED | lacking)
    needed = private or "contents" not in lacking
    ((status, text, _),) = examined(settings)
    assert (status, said in text) == (("wrong", True) if needed else ("ok", False))


def test_the_labels_of_a_repository_that_cannot_be_read_are_not_judged(settings: Settings) -> None:
    ((status, text, _),) = examined(settings)
    assert (status, "has no label" in text) == ("wrong", False)
