"""Structural schemas of custom resources: defaulting, pruning and validation.

Guarantees: unknown fields are dropped below `properties` unless the schema preserves them, and each is named; types,
required fields, enums, bounds, lengths and patterns are checked with the real server's causes.
Not guaranteed: formats, CEL rules, oneOf/anyOf/not, list types.
"""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

from tests.doubles.kubernetes.errors import Problem
from tests.doubles.kubernetes.messages import JsonObject

PRESERVE = "x-kubernetes-preserve-unknown-fields"
AT_ROOT = frozenset({"apiVersion", "kind", "metadata"})
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def prune(value: Any, schema: JsonObject, *, path: str = "") -> tuple[Any, list[str]]:  # noqa: ANN401 - JSON
    """Return the value without fields the schema does not know, and those fields' paths."""
    unknown: list[str] = []
    if isinstance(value, list):
        kept = []
        for index, item in enumerate(value):
            pruned, dropped = prune(item, schema.get("items", {}), path=f"{path}[{index}]")
            kept.append(pruned)
            unknown += dropped
        return kept, unknown
    if not isinstance(value, dict):
        return value, unknown
    properties = schema.get("properties", {})
    additional = schema.get("additionalProperties")
    result: JsonObject = {}
    for key, item in value.items():
        child = f"{path}.{key}" if path else key
        if not path and key in AT_ROOT:
            result[key] = item
        elif key in properties or isinstance(additional, dict):
            result[key], dropped = prune(item, properties.get(key, additional), path=child)
            unknown += dropped
        elif schema.get(PRESERVE) or additional is True:
            result[key] = item
        else:
            unknown.append(child)
    return result, unknown


def default(value: Any, schema: JsonObject) -> Any:  # noqa: ANN401 - JSON
    """Return the value with the schema's defaults filled in."""
    if isinstance(value, list):
        return [default(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    result = dict(value)
    for key, child in schema.get("properties", {}).items():
        if key not in result and "default" in child:
            result[key] = copy.deepcopy(child["default"])
        if key in result:
            result[key] = default(result[key], child)
    return result


def violations(value: Any, schema: JsonObject, *, path: str = "") -> Iterator[Problem]:  # noqa: ANN401 - JSON
    """Yield every violation of the schema."""
    if value is None and schema.get("nullable"):
        return
    if not of_type(value, schema):
        given = json_type(value)
        said = f'Invalid value: "{given}": {path} in body must be of type {schema["type"]}: "{given}"'
        yield Problem(field=path, message=said, reason="FieldValueTypeInvalid")
        return
    yield from bounds(value, schema, path=path)
    if isinstance(value, dict):
        for key in schema.get("required", ()):
            if key not in value:
                child = f"{path}.{key}" if path else key
                yield Problem(field=child, message="Required value", reason="FieldValueRequired")
        properties, additional = schema.get("properties", {}), schema.get("additionalProperties")
        for key, item in value.items():
            below = properties.get(key, additional if isinstance(additional, dict) else None)
            if below is not None and (path or key not in AT_ROOT):
                yield from violations(item, below, path=f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from violations(item, schema.get("items", {}), path=f"{path}[{index}]")


def bounds(value: Any, schema: JsonObject, *, path: str) -> Iterator[Problem]:  # noqa: ANN401 - JSON
    """Yield what is wrong with a value of the right type."""
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(json.dumps(each) for each in schema["enum"])
        said = f"Unsupported value: {json.dumps(value)}: supported values: {supported}"
        yield Problem(field=path, message=said, reason="FieldValueNotSupported")
    shown = f"Invalid value: {json.dumps(value)}: {path} in body should"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            yield Problem(field=path, message=f"{shown} be greater than or equal to {schema['minimum']}")
        if "maximum" in schema and value > schema["maximum"]:
            yield Problem(field=path, message=f"{shown} be less than or equal to {schema['maximum']}")
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            yield Problem(field=path, message=f"{shown} be at least {schema['minLength']} chars long")
        if len(value) > schema.get("maxLength", len(value)):
            said = f"Too long: may not be more than {schema['maxLength']} bytes"
            yield Problem(field=path, message=said, reason="FieldValueTooLong")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield Problem(field=path, message=f"{shown} match '{schema['pattern']}'")


def of_type(value: Any, schema: JsonObject) -> bool:  # noqa: ANN401 - JSON
    """Tell whether a value has the schema's type."""
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    wanted = schema.get("type")
    if not wanted:
        return True
    if isinstance(value, bool):
        return bool(wanted == "boolean")
    return isinstance(value, TYPES[wanted])


def json_type(value: Any) -> str:  # noqa: ANN401 - JSON
    """Name a value's JSON type as the real server does."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return next(name for name, kinds in TYPES.items() if isinstance(value, kinds))
