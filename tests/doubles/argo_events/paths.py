"""gjson's and sjson's paths, as far as the Sensors use them: keys, indexes, `#`, `#(key=="value")`, a bounded number.

Guarantees: a path with anything else raises `NotModelled`. Does not: model wildcards, modifiers, pipes, or another
multipath than `[key,!number].#(<=number)`.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import Any

from tests.doubles.argo_events import gojson
from tests.doubles.argo_events.errors import GoError, NotModelled

_QUERY = re.compile(r'#\((?P<key>[A-Za-z0-9_.-]*)\s*==\s*(?P<value>"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?)\)')
# The first of a value and a literal that is not above a bound.
_BOUNDED = re.compile(r"\[(?P<path>[A-Za-z0-9_.-]+),!(?P<literal>-?\d+)\]\.#\(<=(?P<bound>-?\d+)\)")
_SPECIAL = set("*?|#@{}[]()!")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of an object, or an index into a list; `literal` forbids the latter."""

    name: str
    literal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The first item of a list whose `key` equals `value`."""

    key: str
    value: str | float


class Length:
    """The length of a list."""


Part = Key | First | Length
MISSING = object()


def parse(path: str, *, writing: bool = False) -> tuple[Part, ...]:
    """Read a path; sjson, which writes, gives a meaning to a leading colon and gjson does not.

    Raises:
        NotModelled: for gjson features outside the subset.
    """
    parts: list[Part] = []
    rest = path
    while rest or not parts:
        part, consumed = _part(rest, whole=path, writing=writing)
        parts.append(part)
        after = rest[consumed:]
        if after and not after.startswith("."):
            raise NotModelled(f"path {path!r}: cannot read {after!r}")
        if after == ".":
            raise NotModelled(f"path {path!r} ends with a dot")
        rest = after[1:]
    if any(isinstance(part, Length) for part in parts[:-1]):
        raise NotModelled(f"path {path!r}: # is modelled only at the end")
    return tuple(parts)


def get(document: Any, path: str) -> Any:  # noqa: ANN401 - any JSON
    """Give what is at the path, or `MISSING`."""
    if bounded := _BOUNDED.fullmatch(path):
        candidates = (get(document, bounded["path"]), int(bounded["literal"]))
        return next((each for each in candidates if _is_at_most(each, bounded["bound"])), MISSING)
    found = document
    for part in parse(path):
        found = _step(found, part)
        if found is MISSING:
            return MISSING
    return found


def text(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Give gjson's String(): strings bare, null empty, objects and lists as their raw JSON."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return gojson.plain(value)
        case _:
            return gojson.encode(value)


def put(document: Any, path: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Set what is at the path as sjson does, and give the new document.

    A path with a query changes only what exists and is otherwise silently without effect, as in sjson.
    """
    parts = parse(path, writing=True)
    result = copy.deepcopy(document)
    if not any(isinstance(part, (First, Length)) for part in parts):
        keys = [part for part in parts if isinstance(part, Key)]
        return _assign(result, keys, value)
    if isinstance(parts[-1], Length):
        return result
    target = result
    for part in parts[:-1]:
        target = _step(target, part)
        if target is MISSING:
            return result
    _replace(target, parts[-1], value)
    return result


def _part(rest: str, *, whole: str, writing: bool) -> tuple[Part, int]:
    query = _QUERY.match(rest)
    if query:
        if not query["key"]:
            raise NotModelled(f"path {whole!r}: a query without a key")
        if rest[query.end() :].startswith("#"):
            raise NotModelled(f"path {whole!r}: queries for all matches")
        return First(key=query["key"], value=json.loads(query["value"])), query.end()
    if rest == "#" or rest.startswith("#."):
        return Length(), 1
    name, position, escaped = "", 0, False
    while position < len(rest) and rest[position] != ".":
        character = rest[position]
        if character == "\\" and position + 1 < len(rest):
            position, escaped = position + 1, True
            character = rest[position]
        elif character in _SPECIAL:
            raise NotModelled(f"path {whole!r}: {character!r}")
        name, position = name + character, position + 1
    if not name:
        raise NotModelled(f"path {whole!r}: an empty key")
    if name.startswith(":") and not escaped and writing:
        return Key(name=name[1:], literal=True), position
    return Key(name=name), position


def _step(value: Any, part: Part) -> Any:  # noqa: ANN401 - any JSON
    match part, value:
        case Key(name=name), dict():
            return value.get(name, MISSING)
        case Key(name=name, literal=False), list() if _is_index(name):
            return value[int(name)] if int(name) < len(value) else MISSING
        case First(key=key, value=wanted), list():
            return next((item for item in value if _equals(get(item, key), wanted)), MISSING)
        case Length(), list():
            return len(value)
        case _:
            return MISSING


def _is_at_most(found: Any, bound: str) -> bool:  # noqa: ANN401 - any JSON
    """Compare as gjson's queries do: text by its characters, and false is at most anything."""
    match found:
        case bool():
            return not found
        case int() | float():
            return found <= int(bound)
        case str():
            return found <= bound
        case _:
            return False


def _equals(found: Any, wanted: str | float) -> bool:  # noqa: ANN401 - any JSON
    return found is not MISSING and not isinstance(found, bool) and type(found) is type(wanted) and found == wanted


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _assign(value: Any, keys: list[Key], new: Any) -> Any:  # noqa: ANN401 - any JSON
    if not keys:
        return new
    head, rest = keys[0], keys[1:]
    appends = head.name == "-1" and not head.literal
    if isinstance(value, list):
        if appends:
            return [*value, _assign(None, rest, new)]
        if not _is_index(head.name):
            raise GoError(f"cannot set array element for non-numeric key {head.name!r}")
        # sjson fills the gap up to an index beyond the end with nulls.
        items = value + [None] * (int(head.name) + 1 - len(value))
        items[int(head.name)] = _assign(items[int(head.name)], rest, new)
        return items
    if isinstance(value, dict):
        return {**value, head.name: _assign(value.get(head.name), rest, new)}
    if not head.literal and (appends or _is_index(head.name)):
        return _assign([], keys, new)
    return {head.name: _assign(None, rest, new)}


def _replace(target: Any, part: Part, value: Any) -> None:  # noqa: ANN401 - any JSON
    if _step(target, part) is MISSING:
        return
    match part, target:
        case Key(name=name), dict():
            target[name] = value
        case Key(name=name), list():
            target[int(name)] = value
        case First(), list():
            target[target.index(_step(target, part))] = value
