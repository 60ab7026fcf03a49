"""Requests and responses against GitHub's published description.

Guarantees: operation, parameters, bodies and status must be in the description, and a response may not hold a field
that the description does not name. Does not: check formats, or headers; and where the description is silent about
errors that any operation may give (credentials, permissions, limits, outages), only their shape is checked.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator

from tests.schemas.published import github_description
from tests.schemas.strict import strict

if TYPE_CHECKING:
    from collections.abc import Iterator

ANYWHERE = {401, 403, 404, 429, 500, 502, 503}
"""What the description leaves to GitHub's general pages."""
_NO_BODY = {204, 304}
_NULL_IN_REALITY = re.compile(r"labels\[\d+\]\.description$|head\.repo$")
"""Where GitHub answers null although its description forgot to say so: bare labels, and deleted forks."""
_ERROR = {"$ref": "#/components/schemas/basic-error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its response."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    sent: Any = None
    status: int
    content_type: str = ""
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}"


def operation_of(exchange: Exchange) -> tuple[str, str] | None:
    """Give the described path and method of an exchange."""
    found = _find(exchange)
    return None if found is None else (found[0], exchange.method.lower())


def disagreements(exchange: Exchange) -> list[str]:
    """Give everything in which an exchange departs from the description."""
    found = _find(exchange)
    if found is None:
        return [f"{exchange}: no such operation"]
    template, values, operation = found
    problems = [
        *_parameters(operation, values, exchange.query),
        *_request(operation, exchange.sent, accepted=exchange.status < 400),
        *_response(operation, exchange),
    ]
    return [f"{exchange} ({template}): {problem}" for problem in problems]


def _find(exchange: Exchange) -> tuple[str, dict[str, str], dict[str, Any]] | None:
    for template, operations in github_description()["paths"].items():
        match = _pattern(template).fullmatch(exchange.path)
        if match and exchange.method.lower() in operations:
            values = {key: unquote(value) for key, value in match.groupdict().items()}
            return template, values, operations[exchange.method.lower()]
    return None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    # The last part may hold slashes: a label's name is only partly encoded by some clients, and GitHub copes.
    part = re.sub(
        r"\\\{(\w+)\\\}$",
        r"(?P<\1>.+)" if template.endswith("labels/{name}") else r"(?P<\1>[^/]+)",
        re.escape(template),
    )
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", part))


def _parameters(operation: dict[str, Any], path: dict[str, str], query: dict[str, str]) -> Iterator[str]:
    described = [_resolved(one) for one in operation.get("parameters", ())]
    for place, values in (("path", path), ("query", query)):
        known = {one["name"]: one for one in described if one["in"] == place}
        for name, value in values.items():
            if name not in known:
                yield f"undescribed {place} parameter {name}"
            else:
                yield from _errors(
                    known[name]["schema"], _typed(value, known[name]["schema"]), what=f"parameter {name}"
                )
        for name, parameter in known.items():
            if parameter.get("required") and name not in values:
                yield f"missing {place} parameter {name}"


def _request(operation: dict[str, Any], sent: object, *, accepted: bool) -> Iterator[str]:
    if sent is None or not accepted:
        return
    if isinstance(sent, list):
        # The description allows the bare list in words ("pass an array of labels directly") but not in its schema.
        sent = {"labels": sent}
    if "requestBody" not in operation:
        yield "an undescribed request body"
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    # The two forms of a label overlap on purpose, and an empty list is allowed in words.
    if isinstance(sent, dict) and sent.get("labels") == []:
        return
    yield from _errors(_any_of(schema), sent, what="request body")


def _response(operation: dict[str, Any], exchange: Exchange) -> Iterator[str]:
    described = operation["responses"].get(str(exchange.status))
    if described is None and exchange.status not in ANYWHERE:
        yield f"undescribed status {exchange.status}"
        return
    response = _resolved(described) if described else {"content": {"application/json": {"schema": _ERROR}}}
    if exchange.status in _NO_BODY:
        if exchange.body:
            yield "a body where there is none"
        return
    if not exchange.content_type.startswith("application/json"):
        yield f"content type {exchange.content_type!r}"
        return
    schema = response.get("content", {}).get("application/json", {}).get("schema", _ERROR)
    yield from _errors(schema, json.loads(exchange.body), what="response", closed=exchange.status < 400)


def _errors(schema: dict[str, Any], instance: object, *, what: str, closed: bool = False) -> Iterator[str]:
    root = {**strict(schema, closed=closed), "components": {"schemas": _components(closed)}}
    for error in Draft202012Validator(root).iter_errors(instance):
        if error.instance is None and _NULL_IN_REALITY.search(error.json_path):
            continue
        yield f"{what} {error.json_path}: {error.message[:200]}"


@cache
def _components(closed: bool) -> dict[str, Any]:  # noqa: FBT001 - the cache wants a positional argument
    schemas = github_description()["components"]["schemas"]
    return {name: strict(schema, closed=closed) for name, schema in schemas.items()}


def _any_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": schema["oneOf"]} if "oneOf" in schema else schema


def _typed(value: str, schema: dict[str, Any]) -> str | int:
    whole = schema.get("type") == "integer" and re.fullmatch(r"-?\d+", value, re.ASCII)
    return int(value) if whole else value


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    _, _, group, name = part["$ref"].split("/")
    found: dict[str, Any] = github_description()["components"][group][name]
    return found
