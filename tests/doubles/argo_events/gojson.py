"""JSON as Go reads and writes it: numbers are float64, keys are sorted, HTML characters are escaped.

Guarantees: text from `encode` is byte for byte what Go's encoding/json gives for the same value.
Does not: model invalid UTF-8 (refused), nor nesting deeper than Python's own limit.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any, NoReturn

from tests.doubles.argo_events.errors import GoError, NotModelled

_EXACT = 2**53
_TINY, _HUGE = 1e-6, 1e21
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SPECIAL = re.compile('["\\\\<>&\x00-\x1f\u2028\u2029]')
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(text: bytes | str) -> Any:  # noqa: ANN401 - any JSON
    """Read JSON with float64 numbers; whole ones come back as int, which `encode` writes the same way.

    Raises:
        GoError: for what Go refuses.
        NotModelled: for what Go would repair in a way of its own.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError as error:
            raise NotModelled("invalid UTF-8 in JSON") from error
    try:
        return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse)
    except RecursionError as error:
        raise NotModelled("JSON nested too deeply") from error
    except ValueError as error:
        raise GoError(f"invalid JSON: {error}") from error


def encode(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Write JSON as Go does."""
    match value:
        case None | True | False:
            return json.dumps(value)
        case str():
            return '"' + _SPECIAL.sub(_escape, _SURROGATE.sub("\ufffd", value)) + '"'
        case int() | float():
            return number(value)
        case list():
            return f"[{','.join(encode(item) for item in value)}]"
        case dict():
            return "{" + ",".join(f"{encode(key)}:{encode(value[key])}" for key in sorted(value)) + "}"
        case _:
            raise TypeError(f"not JSON: {type(value).__name__}")


def number(value: float) -> str:
    """Write a number as encoding/json does: shortest digits, an exponent only for the very small and large."""
    size = abs(value)
    if size and (size < _TINY or size >= _HUGE):
        # encoding/json drops the leading zero of a one-digit negative exponent: 1e-7, but 1e+21.
        return exponential(value).replace("e-0", "e-")
    return plain(value)


def plain(value: float) -> str:
    """Write a number as strconv.FormatFloat(v, 'f', -1, 64) does: never an exponent."""
    text = format(_shortest(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def exponential(value: float) -> str:
    """Write a number as strconv.FormatFloat(v, 'e', -1, 64) does."""
    sign, digits, exponent = _shortest(value).as_tuple()
    text = "".join(map(str, digits))
    power = int(exponent) + len(text) - 1 if value else 0
    text = text.rstrip("0") or "0"
    mantissa = f"{text[0]}.{text[1:]}" if len(text) > 1 else text
    return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _shortest(value: float) -> Decimal:
    # Python's repr has the shortest digits that lead back to the same float64, as Go's shortest formatting has.
    return Decimal(repr(float(value)))


def _number(text: str) -> int | float:
    value = float(text)
    if math.isinf(value):
        raise GoError(f"cannot unmarshal number {text} into a float64")
    whole = value == int(value) and abs(value) <= _EXACT and not (value == 0 and text.startswith("-"))
    return int(value) if whole else value


def _refuse(name: str) -> NoReturn:
    raise GoError(f"invalid JSON: {name}")


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"
