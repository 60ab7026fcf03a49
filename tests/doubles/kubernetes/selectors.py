"""Label and field selectors, parsed from query strings into predicates.

Guarantees: equality and set-based label requirements with the real server's meaning of an absent key (`!=` and `notin`
match it); field selectors only on the fields that a kind offers, 400 otherwise.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.doubles.kubernetes.errors import bad_request
from tests.doubles.kubernetes.messages import JsonObject
from tests.doubles.kubernetes.resources import Resource

Predicate = Callable[[JsonObject], bool]
NAME = r"(?:[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)"
KEY = rf"(?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?{NAME}"
SET_BASED = re.compile(rf"^(?P<key>{KEY})\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
EQUALITY = re.compile(rf"^(?P<key>{KEY})\s*(?P<operator>==|=|!=)\s*(?P<value>{NAME}?)$")
EXISTS = re.compile(rf"^(?P<negated>!?)\s*(?P<key>{KEY})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One comparison of a label with a set of values; no values means that only presence counts."""

    key: str
    values: frozenset[str] | None
    negated: bool

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object's labels fulfil the requirement."""
        present = self.key in labels and (self.values is None or labels[self.key] in self.values)
        return present is not self.negated


def requirement(text: str) -> Requirement:
    """Parse one requirement."""
    if found := SET_BASED.match(text):
        values = frozenset(value.strip() for value in found["values"].split(","))
        return Requirement(key=found["key"], values=values, negated=found["operator"] == "notin")
    if found := EQUALITY.match(text):
        return Requirement(key=found["key"], values=frozenset({found["value"]}), negated=found["operator"] == "!=")
    if found := EXISTS.match(text):
        return Requirement(key=found["key"], values=None, negated=bool(found["negated"]))
    raise bad_request(f'unable to parse requirement: found "{text}", expected: a label requirement')


def label_predicate(selector: str) -> Predicate:
    """Turn a label selector into a predicate over objects."""
    parts = [part.strip() for part in re.split(r",(?![^()]*\))", selector)] if selector.strip() else []
    requirements = [requirement(part) for part in parts]

    def matches(item: JsonObject) -> bool:
        labels = item["metadata"].get("labels") or {}
        return all(one.matches(labels) for one in requirements)

    return matches


def value_at(item: JsonObject, path: str) -> str:
    """Return the text at a dotted path, empty when absent."""
    value: object = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def field_predicate(selector: str, *, resource: Resource) -> Predicate:
    """Turn a field selector into a predicate over objects of one resource."""
    offered = {"metadata.name", "metadata.namespace"} | resource.selectable
    comparisons: list[tuple[str, str, bool]] = []
    for part in filter(None, selector.split(",")):
        found = re.match(r"^(?P<field>[^=!]+)(?P<operator>==|=|!=)(?P<value>.*)$", part)
        if found is None:
            raise bad_request(f"invalid field selector: '{part}'; can't understand '{part}'")
        if found["field"] not in offered:
            raise bad_request(f"field label not supported: {found['field']}")
        comparisons.append((found["field"], found["value"], found["operator"] != "!="))

    def matches(item: JsonObject) -> bool:
        return all((value_at(item, path) == value) is equal for path, value, equal in comparisons)

    return matches
