"""Strict validation of manifests without a cluster.

`validate` checks one manifest by itself: the published schema of its kind with unknown fields refused, the API
server's naming rules, and the rules that no schema can express. `unresolved` checks what manifests say of one another.
Neither replaces an API server: quantities, cron expressions and admission policies are not checked.
"""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from tests.schemas import published
from tests.schemas.problem import Problem, join, name_of
from tests.schemas.references import unresolved
from tests.schemas.rules import broken_rules
from tests.schemas.sensors import created_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.exceptions import ValidationError

__all__ = ["Problem", "unresolved", "validate"]

_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_MAX_NAME, _MAX_LABEL = 253, 63
_PLAIN = (str, int, float, bool, type(None))
_RBAC_KINDS = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}


def validate(manifest: dict[str, Any]) -> list[Problem]:
    """Give everything that is wrong with one manifest, in the order of its fields."""
    where = name_of(manifest)
    return [*_not_plain(manifest, where=where, at=""), *_problems(manifest, where=where, at="")]


def _not_plain(value: object, *, where: str, at: str) -> Iterator[Problem]:
    """Find values that only look like text or numbers, such as members of a StrEnum: no file can hold them."""
    if type(value) is dict:
        for key, each in value.items():
            yield from _not_plain(each, where=where, at=join(at, str(key)))
    elif type(value) is list:
        for number, each in enumerate(value):
            yield from _not_plain(each, where=where, at=join(at, number))
    elif type(value) not in _PLAIN:
        yield Problem(where=where, path=at, what=f"{type(value).__name__} is not a type of YAML")


def _problems(manifest: dict[str, Any], *, where: str, at: str) -> Iterator[Problem]:
    validator = _validator(str(manifest.get("apiVersion", "")), str(manifest.get("kind", "")))
    if validator is None:
        what = f"no published schema for {manifest.get('apiVersion')}/{manifest.get('kind')}"
        yield Problem(where=where, path=at, what=what)
        return
    found = list(_errors(validator, manifest, where=where, at=at))
    if manifest.get("kind") in (*published.WORKFLOW_KINDS, *published.MONITORING_KINDS):
        metadata = manifest.get("metadata", {})
        found += _errors(_by_definition(_METADATA), metadata, where=where, at=join(at, "metadata"))
    yield from found
    # The rules rely on the types that the schema promises.
    if not found:
        yield from _names(manifest, where=where, at=at)
        yield from broken_rules(manifest, where=where, at=at)
        yield from _inner(manifest, where=where, at=at)


def _errors(validator: Draft202012Validator, instance: object, *, where: str, at: str) -> Iterator[Problem]:
    for error in sorted(validator.iter_errors(instance), key=lambda found: found.json_path):
        yield Problem(where=where, path=join(at, error.absolute_path), what=_explain(error))


def _explain(error: ValidationError) -> str:
    if error.validator == "additionalProperties" and isinstance(error.schema, dict):
        known = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known] if isinstance(error.instance, dict) else []
        guesses = [guess for key in unknown for guess in difflib.get_close_matches(str(key), known, n=1)]
        hint = f" (did you mean {', '.join(guesses)}?)" if guesses else ""
        return f"unknown field {', '.join(map(str, unknown))}{hint}"
    return error.message if len(error.message) < 300 else f"{error.message[:300]}…"


def _names(manifest: dict[str, Any], *, where: str, at: str) -> Iterator[Problem]:
    metadata = manifest.get("metadata", {})
    name = metadata.get("name", "")
    # Argo Events completes a name that ends in a dash; RBAC names may hold almost anything.
    complete = name.rstrip("-") if at else name
    strange = not _SUBDOMAIN.fullmatch(complete) or len(complete) > _MAX_NAME
    if name and strange and manifest["kind"] not in _RBAC_KINDS:
        yield Problem(where=where, path=join(at, "metadata.name"), what=f"{name!r} is not a valid name")
    if not name and "generateName" not in metadata:
        yield Problem(where=where, path=join(at, "metadata"), what="neither name nor generateName")
    for kind in ("labels", "annotations"):
        for key, value in metadata.get(kind, {}).items():
            place = join(at, "metadata", kind)
            if not _QUALIFIED.fullmatch(key):
                yield Problem(where=where, path=place, what=f"{key!r} is not a valid key")
            if kind == "labels" and (not _LABEL_VALUE.fullmatch(value) or len(value) > _MAX_LABEL):
                yield Problem(where=where, path=place, what=f"{value!r} is not a valid label value")


def _inner(manifest: dict[str, Any], *, where: str, at: str) -> Iterator[Problem]:
    """Validate the objects that a Sensor's triggers create."""
    if manifest["kind"] != "Sensor":
        return
    for path, created in created_objects(manifest):
        if isinstance(created, dict):
            yield from _problems(created, where=where, at=join(at, path))
        else:
            yield Problem(where=where, path=join(at, path), what="no object to create, or YAML that is none")


@cache
def _validator(api_version: str, kind: str) -> Draft202012Validator | None:
    if api_version.startswith("argoproj.io/") and kind in published.WORKFLOW_KINDS:
        return Draft202012Validator(published.workflow_schema(kind))
    if api_version.startswith("monitoring.coreos.com/") and kind in published.MONITORING_KINDS:
        return Draft202012Validator(published.monitoring_schema(kind))
    name = published.kinds().get(f"{api_version}/{kind}")
    return None if name is None else _by_definition(name)


@cache
def _by_definition(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/definitions/{name}", "definitions": published.definitions()})
