r"""Go's regular expressions, run by Python's engine where both agree.

Guarantees: a pattern that the two read differently raises `NotModelled`. `$` is the very end of the text, as in Go,
and the classes are ASCII. `(?i:` folds ASCII letters; Go also takes U+017F for s and U+212A for k, which no name at
GitHub has. Does not: model Unicode classes or named characters.
"""

from __future__ import annotations

import re
import warnings

from tests.doubles.argo_events.errors import NotModelled

_CLASS_SPACE, _OUTSIDE_SPACE = r"\t\n\f\r ", r"[\t\n\f\r ]"
_SAME = set("dDwWbBafnrtv")
_GROUP = re.compile(r"\?(:|i:|P<[A-Za-z_][A-Za-z0-9_]*>|s\))")
_REPEAT = re.compile(r"\{(\d+)(,\d*)?\}")
_MAX_REPEAT = 1000
_REFERENCE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))", re.ASCII)


def compile_go(pattern: str) -> re.Pattern[str]:
    """Compile a Go pattern.

    Raises:
        NotModelled: when Python might match something else, or Go would refuse the pattern.
    """
    try:
        with warnings.catch_warnings():
            # Python warns of what it will read differently one day; so might Go already.
            warnings.simplefilter("error")
            return re.compile(_translate(pattern), re.ASCII)
    except (re.error, FutureWarning, DeprecationWarning) as error:
        raise NotModelled(f"pattern {pattern!r}: {error}") from error


def replace_all(pattern: str, text: str, replacement: str) -> str:
    """Replace every match, with $1 and ${1} as Go reads them."""

    def expand(match: re.Match[str]) -> str:
        if not match.group():
            raise NotModelled(f"pattern {pattern!r} matches nothing, which Go and Python replace differently")
        return _REFERENCE.sub(lambda reference: _group(match, reference), replacement)

    return compile_go(pattern).sub(expand, text)


def _group(match: re.Match[str], reference: re.Match[str]) -> str:
    name = reference[1] or reference[2]
    if name is None:
        return "$"
    key: int | str = int(name) if name.isdigit() else name
    known = key in match.re.groupindex if isinstance(key, str) else key <= match.re.groups
    return (match[key] or "") if known else ""


def _translate(pattern: str) -> str:
    result, position, in_class = "", 0, False
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            text, used = _escape(pattern, position, in_class=in_class)
        elif in_class:
            in_class = character != "]" or pattern[position - 1] == "["
            text, used = _in_class(pattern, position), 1
        elif character == "[":
            in_class = True
            text, used = _open_class(pattern, position)
        else:
            text, used = _outside(pattern, position)
        result, position = result + text, position + used
    return result


def _open_class(pattern: str, position: int) -> tuple[str, int]:
    negated = pattern[position + 1 : position + 2] == "^"
    if pattern[position + 1 + negated : position + 2 + negated] == "]":
        raise NotModelled(f"pattern {pattern!r}: a class that begins with a bracket")
    return ("[^", 2) if negated else ("[", 1)


def _in_class(pattern: str, position: int) -> str:
    if pattern[position] == "[" or pattern[position : position + 2] in {"--", "&&", "||", "~~"}:
        raise NotModelled(f"pattern {pattern!r}: a nested class")
    return pattern[position]


def _outside(pattern: str, position: int) -> tuple[str, int]:
    character = pattern[position]
    if character == "$":
        return r"\Z", 1
    if character == "(" and pattern[position + 1 : position + 2] == "?":
        group = _GROUP.match(pattern, position + 1)
        if group is None or (group[1] == "s)" and position):
            raise NotModelled(f"pattern {pattern!r}: {pattern[position : position + 4]!r}")
        return f"({group.group()}", 1 + len(group.group())
    if character in "*+?}" and pattern[position + 1 : position + 2] == "+":
        raise NotModelled(f"pattern {pattern!r}: a repeated repetition")
    if character == "{":
        repeat = _REPEAT.match(pattern, position)
        if repeat is None or any(int(bound) > _MAX_REPEAT for bound in re.findall(r"\d+", repeat.group())):
            raise NotModelled(f"pattern {pattern!r}: an unusual repetition")
    return character, 1


def _escape(pattern: str, position: int, *, in_class: bool) -> tuple[str, int]:
    following = pattern[position + 1 : position + 2]
    if following == "z" and not in_class:
        return r"\Z", 2
    if following == "A" and not in_class:
        return r"\A", 2
    if following == "s":
        return (_CLASS_SPACE if in_class else _OUTSIDE_SPACE), 2
    if following == "S" and not in_class:
        return r"[^\t\n\f\r ]", 2
    punctuation = following.isascii() and following and not following.isalnum()
    allowed = following in _SAME and not (in_class and following in "bB")
    if not (punctuation or allowed):
        raise NotModelled(f"pattern {pattern!r}: an escape before {following!r}")
    return f"\\{following}", 2
