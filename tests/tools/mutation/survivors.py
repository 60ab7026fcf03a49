"""Mutants that no test notices, each with the reason why none has to.

Guarantees: a mutant is known by its function and by the text that it changes, so no entry depends on a number that a
later change moves; an entry covers that one mutant and nothing else. Entries that share a reason share its text.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.tools.mutation.targets import module_of

FILE = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mutant:
    """One change to one function.

    Attributes:
        place: The function, as `module.function` or `module.Class.method`.
        was: The lines that the change takes away, in one line.
        now: The lines that stand there instead.
    """

    place: str
    was: str
    now: str

    @property
    def module(self) -> str:
        """The module that it is in."""
        return module_of(self.place)

    def as_toml(self) -> str:
        """The entry to put under a reason."""
        return f"    {{ in = {_quoted(self.place)}, was = {_quoted(self.was)}, now = {_quoted(self.now)} }},"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why some mutants may survive."""

    text: str
    mutants: tuple[Mutant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a run says that the list does not, and the other way round."""

    unexplained: tuple[Mutant, ...]
    outdated: tuple[Mutant, ...]


def read(file: Path = FILE) -> tuple[Reason, ...]:
    """The explained survivors.

    Raises:
        KeyError: An entry lacks a key.
        tomllib.TOMLDecodeError: Not TOML.
    """
    found = tomllib.loads(file.read_text())
    return tuple(
        Reason(
            text=each["reason"],
            mutants=tuple(Mutant(place=one["in"], was=one["was"], now=one["now"]) for one in each["mutants"]),
        )
        for each in found["because"]
    )


def compare(survived: Iterable[Mutant], *, explained: Iterable[Reason], modules: Iterable[str]) -> Comparison:
    """Compare a run with the list. Two mutants of equal text in one function need two entries.

    Args:
        survived: What no test noticed.
        explained: The list.
        modules: What was run; entries of other modules are left alone.
    """
    there = Counter(survived)
    known = Counter(mutant for reason in explained for mutant in reason.mutants if mutant.module in set(modules))
    return Comparison(
        unexplained=tuple(sorted((there - known).elements())),
        outdated=tuple(sorted((known - there).elements())),
    )


def _quoted(text: str) -> str:
    """A TOML string: literal where that is possible, since code is full of double quotes."""
    if "'" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
