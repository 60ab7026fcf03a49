"""The few template functions that the model knows, with Go's types and Go's printing.

Guarantees: an argument of the wrong type is the error that it is in Go. Does not: convert where Go's own conversion
has corners (strings with leading zeros, fractions in strings): those raise `NotModelled`.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.doubles.argo_events import gojson
from tests.doubles.argo_events.errors import GoError, NotModelled
from tests.doubles.argo_events.regex import compile_go, replace_all

if TYPE_CHECKING:
    from collections.abc import Callable


class _NoValue:
    """A key that is not there: Go's zero reflect.Value."""

    def __repr__(self) -> str:
        return "<no value>"


NO_VALUE = _NoValue()
_INT64 = 2**63
_WHOLE = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
_VERB = re.compile(r"%(\.0f|[sdv%])|%")
_E_FROM, _E_BELOW = 6, -4


class Int(int):
    """A Go int or int64, which JSON's numbers are not: those are float64 even when whole."""


def printed(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Print as fmt does inside a template."""
    match value:
        case None | _NoValue():
            return repr(NO_VALUE)
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Int():
            return int.__str__(value)
        case int() | float():
            return _general(value)
        case _:
            raise NotModelled("printing a list or an object")


def _general(value: float) -> str:
    """Print a float64 as %v does: shortest digits, with an exponent where strconv's precision of 6 is exceeded."""
    mantissa, _, exponent = gojson.exponential(value).partition("e")
    if _E_BELOW <= int(exponent) < _E_FROM:
        return gojson.plain(value)
    return f"{mantissa}e{exponent}"


def _string(value: Any) -> str:  # noqa: ANN401 - whatever the template hands over
    if not isinstance(value, str):
        raise GoError("wrong type for value; expected string")
    return value


def _index(item: Any, *keys: Any) -> Any:  # noqa: ANN401 - any JSON
    for key in keys:
        if item is None or item is NO_VALUE:
            raise GoError("index of untyped nil")
        if isinstance(item, dict):
            item = item.get(_string(key))
        elif isinstance(item, list):
            if not isinstance(key, Int):
                raise GoError("cannot index slice with a value of that type")
            if not 0 <= key < len(item):
                raise GoError(f"index out of range: {key}")
            item = item[key]
        else:
            raise NotModelled("index of a value that is neither list nor object")
    return item


def _regex_find(pattern: Any, text: Any) -> str:  # noqa: ANN401 - checked by _string
    found = compile_go(_string(pattern)).search(_string(text))
    return found.group() if found else ""


def _trunc(length: Any, text: Any) -> str:  # noqa: ANN401 - checked here
    if not isinstance(length, Int):
        raise GoError("wrong type for value; expected int")
    data = _string(text).encode()
    cut = data[length:] if length < 0 < len(data) + length else data[:length] if 0 <= length < len(data) else data
    try:
        return cut.decode()
    except UnicodeDecodeError as error:
        raise NotModelled("trunc in the middle of a character") from error


def truth(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether a condition holds: not for what is missing, empty or zero."""
    return not (value is NO_VALUE or value is None or value in ("", 0, False) or value in ([], {}))


def _and(*values: Any) -> Any:  # noqa: ANN401 - any JSON
    return next((value for value in values if not truth(value)), values[-1])


def _or(*values: Any) -> Any:  # noqa: ANN401 - any JSON
    return next((value for value in values if truth(value)), values[-1])


def _default(otherwise: Any, *given: Any) -> Any:  # noqa: ANN401 - any JSON
    value = given[0] if given else NO_VALUE
    return value if truth(value) else otherwise


def _int64(value: Any) -> Int:  # noqa: ANN401 - any JSON
    match value:
        case None | _NoValue():
            return Int(0)
        case str() if _WHOLE.fullmatch(value) and abs(int(value)) < _INT64:
            return Int(value)
        case bool() | int() | float() if abs(value) < _INT64:
            return Int(int(value))
        case _:
            raise NotModelled(f"int64 of {value!r}")


def _printf(layout: Any, *values: Any) -> str:  # noqa: ANN401 - any JSON
    waiting = list(values)

    def one(match: re.Match[str]) -> str:
        if match[1] == "%":
            return "%"
        if match[1] is None or not waiting:
            raise NotModelled(f"printf {layout!r}")
        return _verb(match[1], waiting.pop(0))

    result = _VERB.sub(one, _string(layout))
    if waiting:
        raise NotModelled("printf with more values than verbs")
    return result


def _verb(verb: str, value: Any) -> str:  # noqa: ANN401 - any JSON
    whole = isinstance(value, Int)
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    if verb == ".0f" and numeric and not whole:
        return f"{float(value):.0f}"
    if verb == "d" and whole:
        return str(int(value))
    if verb in "sv" and isinstance(value, str):
        return value
    if verb == "v" and numeric:
        return printed(value)
    raise NotModelled(f"printf %{verb} of {value!r}")


_ISO = "2006-01-02T15:04:05Z07:00"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
# Go's zero time, which is what sprig gives for a text that is not a time.
_ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)


def _to_date(layout: str, text: str) -> datetime:
    if layout != _ISO:
        raise NotModelled(f"toDate with layout {layout!r}")
    try:
        return datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else _ZERO_TIME
    except ValueError:
        return _ZERO_TIME


def _unix_epoch(moment: Any) -> str:  # noqa: ANN401 - checked here
    if not isinstance(moment, datetime):
        raise GoError("wrong type for value; expected time.Time")
    return str(round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": _and,
    "default": _default,
    "index": _index,
    "int64": _int64,
    "lower": lambda text: _lower(_string(text)),
    "not": lambda value: not truth(value),
    "or": _or,
    "printf": _printf,
    "regexFind": _regex_find,
    "regexMatch": lambda pattern, text: compile_go(_string(pattern)).search(_string(text)) is not None,
    "regexReplaceAll": lambda pattern, text, new: replace_all(_string(pattern), _string(text), _string(new)),
    "replace": lambda old, new, text: _string(text).replace(_string(old), _string(new)),
    "sha256sum": lambda text: hashlib.sha256(_string(text).encode()).hexdigest(),
    "toDate": lambda layout, text: _to_date(_string(layout), _string(text)),
    "trimAll": lambda characters, text: _string(text).strip(_string(characters)),
    "trimPrefix": lambda prefix, text: _string(text).removeprefix(_string(prefix)),
    "trimSuffix": lambda suffix, text: _string(text).removesuffix(_string(suffix)),
    "trunc": _trunc,
    "unixEpoch": _unix_epoch,
}


def _lower(text: str) -> str:
    if not text.isascii():
        raise NotModelled("lower of a text that is not ASCII")
    return text.lower()
