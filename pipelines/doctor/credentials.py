"""The checks of credentials: both Secrets, GitHub's CA, and access to GitHub.

Guarantees that no finding quotes a value of a Secret.
"""

from __future__ import annotations

import base64
import binascii
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING

from pipelines.client import connect_github
from pipelines.doctor.check import CheckResult, CheckStatus
from pipelines.doctor.events import github_event
from steps.core import BadInputError, CertificateError, ForbiddenError, ProxyRefusedError, StepError, UnavailableError
from steps.github import build_credentials, is_ca_bundle
from steps.kube import CONFIG_MAPS, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.client import PersonalGitHub
    from pipelines.doctor.check import Installation

SECRETS = Resource(group="", version="v1", plural="secrets")
# Permissions of an App that moves labels and comments: GitHub takes this one for both, on a pull request.
_WRITES = {"pull_requests": "write"}
# Key of the webhook's Secret in the rendered EventSource.
_WEBHOOK_KEY = "secret"
# Not the branch of a task, so the list is empty.
_BRANCH = "agent-cancellation-doctor"


def _values(installation: Installation, *, name: str, namespace: str) -> dict[str, str] | None:
    """Read the values of a Secret; None if it does not exist. Bytes that are not text are replaced."""
    found = installation.find(SECRETS, namespace=namespace, name=name)
    return None if found is None else {key: _text(value) for key, value in (found.get("data") or {}).items()}


def _text(value: str) -> str:
    try:
        return base64.b64decode(value).decode(errors="replace").strip()
    except binascii.Error:
        return ""


def webhook_secret(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the webhook's Secret exists and is not empty. An EventSource of the user's own names it."""
    settings, namespace = installation.settings.events, installation.settings.namespaces.events
    name, key = settings.webhook_secret, _WEBHOOK_KEY
    if not settings.render_event_source and (event := github_event(installation)) is not None:
        named = event.get("webhookSecret") or {}
        name, key = str(named.get("name") or ""), str(named.get("key") or "")
        if not name:
            problem = f"event {settings.event_name} of EventSource {settings.event_source} names no webhookSecret"
            problem += ": signatures of webhooks are not checked"
            fix = "add webhookSecret to it, with name and key of a Secret with the secret of GitHub's webhook"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)
            return
    found = _values(installation, name=name, namespace=namespace)
    command = _write_command(name, namespace=namespace, files=f"--from-file={key}", exists=found is not None)
    fix = f"{command}, with the secret of GitHub's webhook"
    if found is None:
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=f"{namespace} has no Secret {name}", fix=fix)
    elif not found.get(key):
        problem = f"key {key} of Secret {name} is empty: signatures of webhooks are not checked"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)
    else:
        yield CheckResult(check=check, status=CheckStatus.OK, found=f"Secret {name} exists and is not empty")


def _write_command(name: str, *, namespace: str, files: str, exists: bool) -> str:
    """Return the command that writes keys of a Secret. kubectl does not create one that exists; its other keys stay."""
    creation = f"kubectl -n {namespace} create secret generic {name} {files}"
    return f"{creation} --dry-run=client -o yaml | kubectl -n {namespace} apply -f -" if exists else creation


def github_values(installation: Installation) -> dict[str, str]:
    """Read the values of the Secret with GitHub's credentials; none if it does not exist."""
    settings = installation.settings
    return (
        _values(installation, name=settings.workflow.credentials_secret, namespace=settings.namespaces.workflows) or {}
    )


def github_secret(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that GitHub's credentials are complete."""
    name, namespace = installation.settings.workflow.credentials_secret, installation.settings.namespaces.workflows
    found = _values(installation, name=name, namespace=namespace)
    try:
        build_credentials(found or {}, where=f"Secret {namespace}/{name}")
    except ForbiddenError as error:
        command = _write_command(name, namespace=namespace, files="--from-file=…", exists=found is not None)
        fix = f"{command} (README, Install)"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=str(error), fix=fix)
    else:
        yield CheckResult(check=check, status=CheckStatus.OK, found=f"Secret {name} is complete")


def github_ca(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the ConfigMap with the certificates of GitHub's CA has them."""
    settings, namespace = installation.settings.github, installation.settings.namespaces.workflows
    if not settings.ca_config_map:
        yield CheckResult(check=check, status=CheckStatus.OK, found="uses the public certificates")
        return
    name = f"ConfigMap {settings.ca_config_map}"
    found = installation.find(CONFIG_MAPS, namespace=namespace, name=settings.ca_config_map)
    text = ((found or {}).get("data") or {}).get(settings.ca_key)
    fix = (
        f"kubectl -n {namespace} create configmap {settings.ca_config_map} --from-file={settings.ca_key}, with the "
        "certificates of GitHub's CA in PEM; or correct github.ca_config_map and ca_key"
    )
    if found is None:
        problem = f"{namespace} has no {name}: every request to GitHub fails"
    elif text is None:
        problem = f"{name} has no key {settings.ca_key}: every request to GitHub fails"
    elif not is_ca_bundle(text):
        problem = f"key {settings.ca_key} of {name} does not hold certificates in PEM"
    else:
        yield CheckResult(check=check, status=CheckStatus.OK, found=f"{name} has certificates")
        return
    yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)


def github_access(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check GitHub's access: to read every repository, and for an App to write pull requests; and the labels."""
    token = installation.env.get("GITHUB_TOKEN", "")
    found = {"token": token} if token else github_values(installation)
    try:
        connect = partial(
            connect_github,
            installation.settings.github,
            found=found,
            where="GITHUB_TOKEN" if token else "the Secret",
        )
        # A token with the right to write alone shows that the App has it, and may not read contents.
        writer, github = connect(permissions=_WRITES), connect()
    except ForbiddenError as error:
        if token:
            yield CheckResult(check=check, status=CheckStatus.UNKNOWN, found=str(error), fix="correct GITHUB_TOKEN")
        return  # the check `github secret` reports the Secret
    except BadInputError as error:
        fix = "check that GitHub can be reached from here, and run this again"
        yield CheckResult(check=check, status=CheckStatus.UNKNOWN, found=str(error), fix=fix)
        return
    if not installation.settings.events.named:
        yield CheckResult(check=check, status=CheckStatus.OK, found="events.repositories names no single repository")
    for repository in installation.settings.events.named:
        try:
            writer.open_pull_requests(repository=repository, branch=_BRANCH)
            if installation.settings.reconcile.ask_github:
                github.activity(repository=repository)
            lacking = [*_lacking_labels(installation, check, repository=repository, github=github)]
        except (UnavailableError, CertificateError, ProxyRefusedError) as error:
            fix = "check that GitHub can be reached from here, and run this again"
            yield CheckResult(check=check, status=CheckStatus.UNKNOWN, found=str(error), fix=fix)
        except StepError as error:
            fix = "grant the credentials that access, or correct events.repositories"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=str(error), fix=fix)
        else:
            also = "" if "token" in found else ", and its pull requests can be written"
            yield CheckResult(check=check, status=CheckStatus.OK, found=f"{repository} can be read{also}")
            yield from lacking


def _lacking_labels(
    installation: Installation, check: str, *, repository: str, github: PersonalGitHub
) -> Iterator[CheckResult]:
    """Warn of each label that the steps add to pull requests and that the repository does not have."""
    settings = installation.settings
    labels = settings.for_repository(repository).labels
    added = {labels.add, labels.skip if "commands" in settings.events.react_to else ""} - {""}
    for label in sorted(added):
        if not github.has_label(repository=repository, label=label):
            yield CheckResult(
                check=check,
                status=CheckStatus.WARNING,
                found=f"{repository} has no label {label}: GitHub refuses to add it, unless the credentials may write "
                "issues",
                fix=f"gh label create {quote(label)} --repo {repository}",
            )
