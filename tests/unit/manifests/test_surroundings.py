"""What the rendered files meet in other companies' clusters: Flux's variables, Argo's archive of logs, OpenShift."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.files import render_files
from pipelines.settings import Settings, read_settings
from tests.doubles.flux import substituted
from tests.doubles.log_archive import needed_secrets
from tests.doubles.openshift import refusals
from tests.schemas.validate import validate
from tests.support.harness import DEFAULTS

COMPANIES = sorted((Path(__file__).parents[2] / "scenarios" / "companies").glob("*.toml"))
SETTINGS = [DEFAULTS, *(read_settings(path) for path in COMPANIES)]
WITH_COMMANDS = replace(DEFAULTS, events=replace(DEFAULTS.events, react_to=("push", "commands")))
KEY = {"name": "my-minio-cred", "key": "accesskey"}
ARCHIVE = {"archiveLogs": True, "s3": {"bucket": "logs", "endpoint": "minio:9000", "accessKeySecret": KEY}}
Json = dict[str, Any]


def with_containers(settings: Settings) -> Iterator[tuple[Json, Json]]:
    """Every template with a container, and the spec that it is part of."""
    for manifest in all_manifests(settings):
        if manifest["kind"] == "WorkflowTemplate":
            spec = manifest["spec"]
            yield from ((template, spec) for template in spec["templates"] if "container" in template)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_variables_of_flux_change_no_rendered_file(settings: Settings) -> None:
    for path, text in render_files(settings).items():
        assert substituted(text, variables={"id": "another", "source": "another", "1": "another"}) == text, path


@pytest.mark.parametrize(
    ("repository", "defaults"), [(ARCHIVE, {}), (ARCHIVE | {"archiveLogs": False}, {"archiveLogs": True})]
)
def test_no_pod_waits_for_the_secrets_of_an_archive_of_logs(repository: Json, defaults: Json) -> None:
    """A pod that mounts a Secret which its namespace does not have never starts."""
    found = [
        needed_secrets(template, spec=defaults | spec, repository=repository)
        for template, spec in with_containers(WITH_COMMANDS)
    ]
    assert found == [None] * 4


def test_the_logs_are_archived_if_the_settings_ask_for_it() -> None:
    settings = replace(WITH_COMMANDS, workflow=replace(WITH_COMMANDS.workflow, archive_logs=True))
    found = [needed_secrets(template, spec=spec, repository=ARCHIVE) for template, spec in with_containers(settings)]
    assert found == [{"my-minio-cred"}] * 4


def test_every_pod_has_the_token_of_its_account_whatever_argos_defaults_say() -> None:
    """A Workflow gets those of the controller's `workflowDefaults` that its template does not set."""
    defaults = {"automountServiceAccountToken": False}
    for _, spec in with_containers(WITH_COMMANDS):
        assert (defaults | spec)["automountServiceAccountToken"] is True


@pytest.mark.parametrize("archive_logs", [True, False])
def test_argo_knows_what_the_templates_say_of_their_logs(archive_logs: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    settings = replace(WITH_COMMANDS, workflow=replace(WITH_COMMANDS.workflow, archive_logs=archive_logs))
    assert [problem for each in all_manifests(settings) for problem in validate(each)] == []


def secured(settings: Settings) -> Iterator[tuple[Json, list[Json]]]:
    """The security context of each pod, and those of its containers, Argo's own included."""
    for template, spec in with_containers(settings):
        patch = json.loads(spec["podSpecPatch"])
        argos_own = [*patch["initContainers"], *patch["containers"]]
        yield spec["securityContext"], [each["securityContext"] for each in (template["container"], *argos_own)]
    for manifest in all_manifests(settings):
        if manifest["kind"] in {"Sensor", "EventSource"}:
            # Argo Events takes both as they are. Without them, its image runs as root.
            template = manifest["spec"].get("template", {})
            yield template.get("securityContext", {}), [template.get("container", {}).get("securityContext", {})]


PLATFORMS = replace(WITH_COMMANDS, pods=replace(WITH_COMMANDS.pods, fixed_user=False))


def test_openshift_admits_every_pod_if_the_platform_chooses_its_user() -> None:
    users = range(1_000_680_000, 1_000_690_000)
    found = [reason for pod, containers in secured(PLATFORMS) for reason in refusals(pod, containers, users=users)]
    assert found == []
    assert len(list(secured(PLATFORMS))) == 6


@pytest.mark.parametrize("settings", [WITH_COMMANDS, PLATFORMS])
def test_every_pod_meets_the_restricted_standard_whoever_chooses_its_user(settings: Settings) -> None:
    for pod, containers in secured(settings):
        assert pod.get("runAsNonRoot") is True
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers:
            assert (pod | container)["runAsNonRoot"] is True
            assert container["allowPrivilegeEscalation"] is False
            assert container["capabilities"] == {"drop": ["ALL"]}


def test_without_a_platform_that_chooses_every_pod_names_its_user() -> None:
    assert all(pod.get("runAsUser", 0) > 0 for pod, _ in secured(WITH_COMMANDS))


def test_the_pods_reach_dns_on_the_ports_that_the_settings_name() -> None:
    settings = replace(DEFAULTS, workflow=replace(DEFAULTS.workflow, dns_ports=(53, 5353)))
    (policy,) = (each for each in all_manifests(settings) if each["kind"] == "NetworkPolicy")
    dns, _ = policy["spec"]["egress"]
    found = {(each["protocol"], each["port"]) for each in dns["ports"]}
    assert found == {("UDP", 53), ("TCP", 53), ("UDP", 5353), ("TCP", 5353)}
