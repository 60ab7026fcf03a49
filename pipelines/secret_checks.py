"""The secrets, GitHub's CA, and whether GitHub takes what is there; what is in a Secret is never shown.

Each check is a function from a patient to findings; none writes anything.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from pipelines.diagnosis import Diagnosis, Verdict
from pipelines.laptop_github import connect
from steps.credentials import sign_in
from steps.errors import BadInputError, BarredError, ForbiddenError, StepError, UnavailableError, UntrustedError
from steps.kube import CONFIG_MAPS, Resource
from steps.route import is_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.diagnosis import Patient

SECRETS = Resource(group="", version="v1", plural="secrets")
# What moving labels and commenting takes of an App.
_WRITES = {"issues": "write", "pull_requests": "write"}
# No task's branch, so the answer is short.
_BRANCH = "agent-cancellation-doctor"


def _values(patient: Patient, *, name: str, namespace: str) -> dict[str, str] | None:
    """What is in a Secret; None if there is none. What is not text counts as empty."""
    found = patient.find(SECRETS, namespace=namespace, name=name)
    return None if found is None else {key: _text(value) for key, value in (found.get("data") or {}).items()}


def _text(value: str) -> str:
    try:
        return base64.b64decode(value).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def webhook_secret(patient: Patient, check: str) -> Iterator[Diagnosis]:
    """There is one, and it is not empty."""
    name, namespace = patient.settings.events.webhook_secret, patient.settings.namespaces.events
    found = _values(patient, name=name, namespace=namespace)
    remedy = f"kubectl -n {namespace} create secret generic {name} --from-file=secret, with what GitHub was told"
    if found is None:
        yield Diagnosis(check=check, verdict=Verdict.WRONG, found=f"{namespace} has no Secret {name}", remedy=remedy)
    elif not found.get("secret"):
        told = f"key secret of Secret {name} is empty: anybody's webhook is taken for GitHub's"
        yield Diagnosis(check=check, verdict=Verdict.WRONG, found=told, remedy=remedy)
    else:
        yield Diagnosis(check=check, verdict=Verdict.OK, found=f"Secret {name} is there and not empty")


def _github_values(patient: Patient) -> dict[str, str]:
    rules = patient.settings
    return _values(patient, name=rules.workflow.credentials_secret, namespace=rules.namespaces.workflows) or {}


def github_secret(patient: Patient, check: str) -> Iterator[Diagnosis]:
    """GitHub's credentials are complete."""
    name, namespace = patient.settings.workflow.credentials_secret, patient.settings.namespaces.workflows
    found = _github_values(patient)
    try:
        sign_in(found, where=f"Secret {namespace}/{name}")
    except ForbiddenError as error:
        remedy = f"kubectl -n {namespace} create secret generic {name} (README, Install)"
        yield Diagnosis(check=check, verdict=Verdict.WRONG, found=str(error), remedy=remedy)
    else:
        yield Diagnosis(check=check, verdict=Verdict.OK, found=f"Secret {name} is complete")


def github_ca(patient: Patient, check: str) -> Iterator[Diagnosis]:
    """The certificates that count for GitHub are where the settings say."""
    rules, namespace = patient.settings.github, patient.settings.namespaces.workflows
    if not rules.ca_config_map:
        yield Diagnosis(check=check, verdict=Verdict.OK, found="the public certificates count")
        return
    name = f"ConfigMap {rules.ca_config_map}"
    found = patient.find(CONFIG_MAPS, namespace=namespace, name=rules.ca_config_map)
    text = ((found or {}).get("data") or {}).get(rules.ca_key)
    remedy = (
        f"kubectl -n {namespace} create configmap {rules.ca_config_map} --from-file={rules.ca_key}, with the "
        "certificates of GitHub's CA in PEM; or correct github.ca_config_map and ca_key"
    )
    if found is None:
        told = f"{namespace} has no {name}: every step that asks GitHub fails"
    elif text is None:
        told = f"{name} has no key {rules.ca_key}: every step that asks GitHub fails"
    elif not is_bundle(text):
        told = f"key {rules.ca_key} of {name} is no bundle of certificates in PEM"
    else:
        yield Diagnosis(check=check, verdict=Verdict.OK, found=f"{name} has certificates")
        return
    yield Diagnosis(check=check, verdict=Verdict.WRONG, found=told, remedy=remedy)


def github_access(patient: Patient, check: str) -> Iterator[Diagnosis]:
    """GitHub lets us read every repository, and an App write to its pull requests."""
    token = patient.env.get("GITHUB_TOKEN", "")
    found = {"token": token} if token else _github_values(patient)
    try:
        github = connect(patient.settings.github, found=found, where="the Secret", permissions=_WRITES)
    except ForbiddenError:
        return  # a finding of `github_secret`
    except BadInputError as error:
        remedy = "see that GitHub can be reached from here, and ask again"
        yield Diagnosis(check=check, verdict=Verdict.UNKNOWN, found=str(error), remedy=remedy)
        return
    for repository in patient.settings.events.repositories:
        try:
            github.open_pull_requests(repository=repository, branch=_BRANCH)
            if patient.settings.reconcile.ask_github:
                github.activity(repository=repository)
        except (UnavailableError, UntrustedError, BarredError) as error:
            remedy = "see that GitHub can be reached from here, and ask again"
            yield Diagnosis(check=check, verdict=Verdict.UNKNOWN, found=str(error), remedy=remedy)
        except StepError as error:
            remedy = "give it that access, or correct events.repositories"
            yield Diagnosis(check=check, verdict=Verdict.WRONG, found=str(error), remedy=remedy)
        else:
            seen = f"{repository} can be read" + ("" if "token" in found else ", its pull requests written to")
            yield Diagnosis(check=check, verdict=Verdict.OK, found=seen)
