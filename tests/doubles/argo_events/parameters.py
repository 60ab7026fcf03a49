"""Trigger parameters: values from the event, written into the object that the trigger creates.

Guarantees: template before key before default, Argo Events' string and raw forms, and its silent no-ops.
Does not: model parameters from an event's context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.doubles.argo_events import gojson, paths
from tests.doubles.argo_events.errors import GoError, NotModelled
from tests.doubles.argo_events.gotemplate import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.doubles.argo_events.events import Event

_EMPTY = {"", "<no value>"}


def apply(parameters: Iterable[dict[str, Any]], target: Any, events: Mapping[str, Event]) -> Any:  # noqa: ANN401 - any JSON
    """Give the target with all parameters written into it, in order.

    Raises:
        GoError: when a value cannot be had; the whole trigger fails then.
    """
    for parameter in parameters:
        resolved = _resolve(parameter["src"], events)
        if resolved is None:
            continue
        text, raw = resolved
        operation = parameter.get("operation", "")
        if operation in {"append", "prepend"}:
            current = paths.get(target, parameter["dest"])
            if current is not paths.MISSING:
                raw = False
                before = paths.text(current)
                text = before + text if operation == "append" else text + before
        elif operation not in {"", "overwrite"}:
            raise GoError(f"unsupported trigger parameter operation: {operation}")
        value = gojson.decode(text) if raw and parameter["src"].get("useRawData") else text
        target = paths.put(target, parameter["dest"], value)
    return target


def _resolve(source: dict[str, Any], events: Mapping[str, Event]) -> tuple[str, bool] | None:
    """Give a parameter's text, and whether the text is JSON rather than a string."""
    if {"contextKey", "contextTemplate"} & source.keys():
        raise NotModelled("parameters from an event's context")
    default = source.get("value")
    event = events.get(source["dependencyName"])
    if event is None:
        return None if default is None else (default, False)
    key, template = source.get("dataKey", ""), source.get("dataTemplate", "")
    if not key and not template:
        if default is None:
            raise NotModelled("a parameter that is the whole event")
        return default, False
    data = event.content()
    found = _by_template(template, data) if template else None
    if found is not None:
        return found, False
    if key:
        value = paths.get(data, key)
        if value is not paths.MISSING:
            return _as_text(value), not isinstance(value, str)
    if default is not None:
        return default, False
    raise GoError(f"unable to resolve {source['dependencyName']!r} parameter value")


def _by_template(template: str, data: Any) -> str | None:  # noqa: ANN401 - any JSON
    try:
        result = render(template, {"Input": data})
    except GoError:
        return None
    return None if result in _EMPTY else result


def _as_text(value: Any) -> str:  # noqa: ANN401 - any JSON
    # Unlike in filters, null is "null" here.
    return "null" if value is None else paths.text(value)
