"""A Sensor dependency's filters: does this event interest it?

Guarantees: data filters with all their odd corners. Does not: model `or` between kinds of filters, scripts, times,
context filters or transformations; expressions only in the form `name operator literal`, and the equality of two names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.doubles.argo_events import paths
from tests.doubles.argo_events.errors import GoError, NotModelled
from tests.doubles.argo_events.gotemplate import render
from tests.doubles.argo_events.regex import compile_go

if TYPE_CHECKING:
    from collections.abc import Callable

_TRUE, _FALSE = {"1", "t", "T", "TRUE", "true", "True"}, {"0", "f", "F", "FALSE", "false", "False"}
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ODD_NUMBER = re.compile(r"inf|nan|0x|_", re.IGNORECASE)
_EXPRESSION = re.compile(
    r"\s*(\w+)\s*(==|!=|>=|<=|>|<)\s*(-?\d+(?:\.\d+)?|[A-Za-z]\w*|'[^'\\]*'|\"[^\"\\]*\")\s*", re.ASCII
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "": lambda one, other: one == other,
    "=": lambda one, other: one == other,
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
}


def passes(dependency: dict[str, Any], data: Any) -> bool:  # noqa: ANN401 - any JSON
    """Decide whether the event's data passes.

    Raises:
        GoError: what real Argo Events logs as an error before it drops the event.
    """
    if "transform" in dependency:
        raise NotModelled("transform")
    filters = dependency.get("filters")
    if not filters:
        return True
    unknown = filters.keys() - {"data", "exprs"}
    if unknown or "or" in {dependency.get("filtersLogicalOperator"), filters.get("exprLogicalOperator")}:
        raise NotModelled(f"filters with {sorted(unknown) or 'or'}")
    # Both kinds are always evaluated: an error in one is reported even when the other already says no.
    by_expression = all(_expression(one, data) for one in filters.get("exprs", ()))
    by_data = all(_condition(one, data) for one in filters.get("data", ()))
    return by_expression and by_data


def _condition(condition: dict[str, Any], data: Any) -> bool:  # noqa: ANN401 - any JSON
    found = paths.get(data, condition["path"])
    if found is paths.MISSING:
        raise GoError(f"data filter error (path {condition['path']!r} does not exist)")
    if not condition["value"]:
        raise GoError("data filter error (no values specified)")
    if condition.get("template"):
        found = render(condition["template"], {"Input": paths.text(found)})
        if found in {"", "<no value>"}:
            raise GoError("data filter error (template evaluated to empty string or no value)")
    check = _CHECKS.get(condition["type"])
    if check is None:
        raise GoError(f"data filter error (unsupported JSON type {condition['type']!r})")
    return any(check(found, value, condition.get("comparator", "")) for value in condition["value"])


def _string(found: Any, value: str, comparator: str) -> bool:  # noqa: ANN401 - any JSON
    matches = compile_go(value).search(paths.text(found)) is not None
    return {"": matches, "=": matches, "!=": not matches}.get(comparator, False)


def _number(found: Any, value: str, comparator: str) -> bool:  # noqa: ANN401 - any JSON
    if not _DECIMAL.fullmatch(value):
        if _ODD_NUMBER.search(value):
            raise NotModelled(f"number {value!r}")
        raise GoError(f"data filter error (parsing {value!r}: invalid syntax)")
    compare = _COMPARE.get(comparator) if comparator != "==" else None
    return compare is not None and compare(_as_number(found), float(value))


def _bool(found: Any, value: str, comparator: str) -> bool:  # noqa: ANN401 - any JSON
    del comparator  # it is ignored: "!=" acts like "="
    if value not in _TRUE | _FALSE:
        raise GoError(f"data filter error (parsing {value!r}: invalid syntax)")
    return _as_bool(found) == (value in _TRUE)


_CHECKS: dict[str, Callable[[Any, str, str], bool]] = {"string": _string, "number": _number, "bool": _bool}


def _as_number(found: Any) -> float:  # noqa: ANN401 - any JSON
    match found:
        case bool() | int() | float():
            return float(found)
        case str() if _DECIMAL.fullmatch(found):
            return float(found)
        case str() if _ODD_NUMBER.search(found):
            raise NotModelled(f"number {found!r}")
        case _:
            return 0.0


def _as_bool(found: Any) -> bool:  # noqa: ANN401 - any JSON
    match found:
        case bool() | int() | float():
            return bool(found)
        case str():
            return found.lower() in {"1", "t", "true"}
        case _:
            return False


def _fields_equal(one: Any, other: Any, *, operator: str) -> bool:  # noqa: ANN401 - any JSON
    if operator not in {"==", "!="} or isinstance(one, (dict, list)) or isinstance(other, (dict, list)):
        raise NotModelled("an expression about two fields other than their equality")
    equal = type(one) is type(other) and one == other if bool in (type(one), type(other)) else one == other
    return equal if operator == "==" else not equal


def _expression(filter_: dict[str, Any], data: Any) -> bool:  # noqa: ANN401 - any JSON
    values = {}
    for field in filter_["fields"]:
        values[field["name"]] = paths.get(data, field["path"])
        if values[field["name"]] is paths.MISSING:
            raise GoError(f"expr filter error (path {field['path']!r} does not exist)")
    parsed = _EXPRESSION.fullmatch(filter_["expr"])
    if parsed is None:
        raise NotModelled(f"expression {filter_['expr']!r}")
    name, operator, literal = parsed.groups()
    for each in filter(str.isidentifier, (name, literal)):
        if each not in values:
            raise GoError(f"expr filter error (No parameter {each!r} found.)")
    if literal.isidentifier():
        return _fields_equal(values[name], values[literal], operator=operator)
    return _compared(values[name], literal, operator=operator)


def _compared(found: Any, literal: str, *, operator: str) -> bool:  # noqa: ANN401 - any JSON
    wanted = float(literal) if literal[0] not in "'\"" else literal[1:-1]
    if isinstance(wanted, str) and any(character.isdigit() for character in wanted):
        raise NotModelled("a string literal that may be read as a date")
    if operator in {"==", "!="}:
        if isinstance(found, (dict, list)):
            raise NotModelled("an expression about a list or an object")
        equal = type(found) is not bool and found == wanted
        return equal if operator == "==" else not equal
    if isinstance(found, bool) or not isinstance(found, (int, float) if isinstance(wanted, float) else str):
        raise GoError(f"expr filter error (cannot be used with the comparator {operator!r})")
    return _COMPARE[operator](found, wanted)
