"""Published schemas turned into strict JSON Schemas: what a schema does not name is refused.

Guarantees: respects the markers by which Kubernetes leaves a part open, and its int-or-string and nullable forms.
Does not: carry over CEL rules (see `rules`) or formats other than the width of integers.
"""

from __future__ import annotations

from typing import Any

_KEPT = {
    "$ref", "additionalProperties", "allOf", "anyOf", "const", "default", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength",
    "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern", "properties", "required", "type",
    "uniqueItems",
}  # fmt: skip
_WIDTHS = {"int32": 32, "int64": 64}
_OPEN = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"


def strict(schema: Any, *, closed: bool = True) -> Any:  # noqa: ANN401 - a schema is any JSON
    """Convert an OpenAPI 3.0 or Kubernetes schema; `closed` refuses fields that it does not name."""
    if isinstance(schema, list):
        return [strict(part, closed=closed) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: strict(part, closed=closed) for name, part in value.items()}
        elif key in _KEPT:
            # Branches of a choice see only part of an object's fields, so only the object itself can be closed.
            result[key] = strict(value, closed=closed and key not in {"allOf", "anyOf", "oneOf", "not"})
    if schema.get(_INT_OR_STRING):
        return {"type": ["integer", "string"]}
    if closed and schema.get("type") == "object" and not schema.get(_OPEN):
        result.setdefault("additionalProperties", False)
    if schema.get("format") in _WIDTHS and schema.get("type") == "integer":
        limit = 2 ** (_WIDTHS[schema["format"]] - 1)
        result = {"minimum": -limit, "maximum": limit - 1, **result}
    if schema.get("nullable"):
        return _or_null(result)
    return result


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str) and not {"anyOf", "oneOf", "allOf"} & schema.keys():
        nullable = {**schema, "type": [schema["type"], "null"]}
        return {**nullable, "enum": [*schema["enum"], None]} if "enum" in schema else nullable
    return {"anyOf": [schema, {"type": "null"}]}
