"""The checks of both Secrets: what an EventSource of one's own names, and commands that kubectl takes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pipelines.client.kubeconfig import kube_client
from pipelines.doctor.check import CheckResult, CheckStatus, Installation
from pipelines.doctor.credentials import github_secret, webhook_secret
from pipelines.settings import Settings
from tests.doubles.clock import ManualClock
from tests.doubles.kubernetes import ApiServer
from tests.support.harness import DEFAULTS
from tests.support.scene.in_process import InProcess

SPACES = DEFAULTS.namespaces
OWN = replace(DEFAULTS, events=replace(DEFAULTS.events, render_event_source=False))
RENDERED = "github-webhook-secret"


@pytest.fixture
def api() -> ApiServer:
    return ApiServer(namespaces=(SPACES.events, SPACES.workflows))


def a_secret(api: ApiServer, name: str, *, namespace: str = SPACES.events, **values: str) -> None:
    data = {key.replace("_", "-"): base64.b64encode(value.encode()).decode() for key, value in values.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}
    api.create(body)


def an_event_source(api: ApiServer, event: Mapping[str, Any]) -> None:
    metadata = {"name": OWN.events.event_source, "namespace": SPACES.events}
    spec = {"github": {OWN.events.event_name: dict(event)}}
    api.create({"apiVersion": "argoproj.io/v1alpha1", "kind": "EventSource", "metadata": metadata, "spec": spec})


def checked(
    api: ApiServer,
    settings: Settings,
    check: Callable[[Installation, str], Iterator[CheckResult]] = webhook_secret,
) -> CheckResult:
    kube = kube_client(settings, transport=InProcess(api))
    (found,) = check(Installation(settings=settings, kube=kube, now=ManualClock().now(), env={}), "c")
    return found


def test_the_secret_that_an_event_source_of_ones_own_names_is_the_one_that_counts(api: ApiServer) -> None:
    an_event_source(api, {"webhookSecret": {"name": "our-access", "key": "webhook"}})
    found = checked(api, OWN)
    assert (found.status, found.found) == (CheckStatus.WRONG, f"{SPACES.events} has no Secret our-access")
    a_secret(api, "our-access", webhook="x")
    assert checked(api, OWN).status is CheckStatus.OK


def test_an_empty_key_of_ones_own_secret_is_named(api: ApiServer) -> None:
    an_event_source(api, {"webhookSecret": {"name": "our-access", "key": "webhook"}})
    a_secret(api, "our-access", secret="of something else")
    found = checked(api, OWN)
    assert (found.status, "key webhook of Secret our-access is empty" in found.found) == (CheckStatus.WRONG, True)
    assert "--from-file=webhook" in found.fix


@pytest.mark.parametrize("event", [{}, {"webhookSecret": None}, {"webhookSecret": {"key": "secret"}}])
def test_an_event_without_a_secret_checks_no_signature_although_the_default_secret_exists(
    api: ApiServer, event: dict[str, Any]
) -> None:
    a_secret(api, RENDERED, secret="x")
    an_event_source(api, event)
    found = checked(api, OWN)
    assert found.status is CheckStatus.WRONG
    assert "names no webhookSecret: signatures of webhooks are not checked" in found.found


def test_the_rendered_event_source_has_the_secret_of_the_settings(api: ApiServer) -> None:
    an_event_source(api, {"webhookSecret": {"name": "somebody-changed-it", "key": "webhook"}})
    a_secret(api, RENDERED, secret="x")
    assert checked(api, DEFAULTS).status is CheckStatus.OK


APPLIED = "--dry-run=client -o yaml | kubectl -n {} apply -f -"


def test_a_secret_that_exists_is_not_created_again_and_keeps_its_other_keys(api: ApiServer) -> None:
    create = f"kubectl -n {SPACES.events} create secret generic {RENDERED} --from-file=secret"
    assert checked(api, DEFAULTS).fix.startswith(f"{create}, with")
    a_secret(api, RENDERED, secret="")
    assert checked(api, DEFAULTS).fix.startswith(f"{create} {APPLIED.format(SPACES.events)}, with")


def test_so_are_credentials_of_github_that_are_not_complete(api: ApiServer) -> None:
    name = DEFAULTS.workflow.credentials_secret
    create = f"kubectl -n {SPACES.workflows} create secret generic {name}"
    fix = checked(api, DEFAULTS, github_secret).fix
    assert fix.startswith(create)
    assert "apply" not in fix
    a_secret(api, name, namespace=SPACES.workflows, app_id="42")
    fix = checked(api, DEFAULTS, github_secret).fix
    assert fix.startswith(create)
    assert APPLIED.format(SPACES.workflows) in fix
