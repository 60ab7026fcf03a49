"""Go's text/template with a few of sprig's functions, as far as the rendered Sensors use them.

Guarantees: anything else raises `NotModelled`; what Go reports while executing raises `GoError`.
Does not: model loops, variables that are declared within a branch, methods, or printing of lists and objects.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.doubles.argo_events.errors import GoError, NotModelled
from tests.doubles.argo_events.sprig import FUNCTIONS, NO_VALUE, Int, printed, truth

_ACTION = re.compile(r"\{\{(-\s)?(.*?)(\s-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<raw>`[^`]*`)|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])"""
    r"""|(?P<field>(?:\.[A-Za-z_]\w*)+|\.(?![\w.]))|(?P<variable>\$[A-Za-z_]\w*)|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<mark>[()|]))"""
)
_ASSIGNMENT = re.compile(r"\$([A-Za-z_]\w*)\s*(:?=)\s*")
_BRANCH = re.compile(r"(if|else if|else|end)\b\s*")
_CONTROL = {"if", "range", "with", "end", "else", "define", "template", "block", "break", "continue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str


@dataclass(slots=True, kw_only=True)
class _Branch:
    """One `if` that has not ended: whether a branch of it has been taken, and whether the current one is."""

    taken: bool
    current: bool


class _Execution:
    """Executes one template."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        self._variables: dict[str, Any] = {}
        self._branches: list[_Branch] = []

    def text(self, literal: str) -> str:
        """Print a text outside of actions, if its branch is taken."""
        return literal if self._live() else ""

    def action(self, text: str) -> str:
        """Execute an action, and print its value if it has one."""
        text = text.strip()
        if branch := _BRANCH.match(text):
            self._branch(branch[1], text[branch.end() :])
            return ""
        if not self._live():
            return ""
        if assignment := _ASSIGNMENT.match(text):
            self._assign(assignment[1], assignment[2], text[assignment.end() :])
            return ""
        return printed(self._value(text))

    def end(self) -> None:
        """Check that every `if` has ended."""
        if self._branches:
            raise GoError("unexpected EOF")

    def _live(self) -> bool:
        return all(each.current for each in self._branches)

    def _value(self, text: str) -> Any:  # noqa: ANN401 - any JSON, or what a function gives
        return _Pipeline(_tokens(text), self._data, self._variables).value()

    def _branch(self, word: str, condition: str) -> None:
        if word == "if":
            outside = self._live()
            holds = outside and truth(self._value(condition))
            self._branches.append(_Branch(taken=holds or not outside, current=holds))
            return
        if not self._branches:
            raise GoError(f"unexpected {{{{{word}}}}}")
        if word == "end":
            self._branches.pop()
            return
        branch = self._branches[-1]
        holds = not branch.taken and (word == "else" or truth(self._value(condition)))
        branch.taken, branch.current = branch.taken or holds, holds

    def _assign(self, name: str, how: str, value: str) -> None:
        if how == ":=" and self._branches:
            raise NotModelled(f"template: ${name} is declared within a branch")
        if how == "=" and name not in self._variables:
            raise GoError(f"undefined variable: ${name}")
        self._variables[name] = self._value(value)


def render(template: str, data: dict[str, Any]) -> str:
    """Execute a template; `data` is what the dot stands for."""
    execution, result, position, trim = _Execution(data), "", 0, False
    for action in _ACTION.finditer(template):
        literal = template[position : action.start()]
        literal = literal.lstrip() if trim else literal
        result += execution.text(literal.rstrip() if action[1] else literal)
        result += execution.action(action[2])
        position, trim = action.end(), bool(action[3])
    rest = template[position:]
    if "{{" in rest:
        raise GoError(f"unclosed action in {template!r}")
    execution.end()
    return result + (rest.lstrip() if trim else rest)


def _tokens(text: str) -> list[_Token]:
    tokens, position, text = [], 0, text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise NotModelled(f"template {text!r}: cannot read {text[position:]!r}")
        adjacent = match.end() < len(text) and text[match.end()] not in " \t\n()|"
        if adjacent and match.lastgroup != "mark":
            raise NotModelled(f"template {text!r}: cannot read {text[match.end() :]!r}")
        tokens.append(_Token(kind=match.lastgroup, text=match[match.lastgroup]))
        position = match.end()
    return tokens


class _Pipeline:
    """Evaluates one action."""

    def __init__(self, tokens: list[_Token], data: dict[str, Any], variables: dict[str, Any]) -> None:
        self._tokens = tokens
        self._data = data
        self._variables = variables
        self._position = 0

    def value(self) -> Any:  # noqa: ANN401 - any JSON, or what a function gives
        """Evaluate the whole action."""
        found = self._pipeline()
        if self._position != len(self._tokens):
            raise NotModelled(f"template: unexpected {self._tokens[self._position].text!r}")
        return found

    def _peek(self) -> _Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _pipeline(self) -> Any:  # noqa: ANN401 - as above
        found = self._command(())
        while (token := self._peek()) is not None and token.text == "|" and token.kind == "mark":
            self._position += 1
            found = self._command((found,))
        return found

    def _command(self, final: tuple[Any, ...]) -> Any:  # noqa: ANN401 - as above
        token = self._peek()
        if token is None:
            raise GoError("missing value for command")
        if token.kind == "name" and token.text not in {"true", "false", "nil"}:
            return self._call(token.text, final)
        found = self._operand()
        following = self._peek()
        if final or (following is not None and following.text not in {"|", ")"}):
            raise GoError("can't give argument to non-function")
        return found

    def _call(self, name: str, final: tuple[Any, ...]) -> Any:  # noqa: ANN401 - as above
        self._position += 1
        if name in _CONTROL or name not in FUNCTIONS:
            raise NotModelled(f"template: {name}")
        arguments = []
        while (token := self._peek()) is not None and not (token.kind == "mark" and token.text in "|)"):
            arguments.append(self._operand())
        return FUNCTIONS[name](*arguments, *final)

    def _operand(self) -> Any:  # noqa: ANN401, PLR0911 - as above; one return for each kind of token
        token = self._tokens[self._position]
        self._position += 1
        match token.kind:
            case "string":
                return _unquoted(token.text)
            case "raw":
                return token.text[1:-1]
            case "number":
                return float(token.text) if "." in token.text else Int(token.text)
            case "field":
                return self._field(token.text)
            case "variable":
                return self._variable(token.text[1:])
            case "mark" if token.text == "(":
                found = self._pipeline()
                self._expect_end()
                return found
            case "name" if token.text in {"true", "false"}:
                return token.text == "true"
            case _:
                raise NotModelled(f"template: {token.text!r} as an operand")

    def _variable(self, name: str) -> Any:  # noqa: ANN401 - as above
        if name not in self._variables:
            raise GoError(f"undefined variable: ${name}")
        return self._variables[name]

    def _expect_end(self) -> None:
        token = self._peek()
        if token is None or token.text != ")":
            raise GoError("unclosed left paren")
        self._position += 1

    def _field(self, text: str) -> Any:  # noqa: ANN401 - as above
        found: Any = self._data
        for name in text.split(".")[1:]:
            if not name:
                continue
            if found is None:
                raise GoError(f"nil pointer evaluating interface {{}}.{name}")
            if found is NO_VALUE:
                return NO_VALUE
            if not isinstance(found, dict):
                raise GoError(f"can't evaluate field {name} in a value that is not an object")
            found = found.get(name, NO_VALUE)
        return found


def _unquoted(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise NotModelled(f"template: string {text}") from error
    return str(value)
