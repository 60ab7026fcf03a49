"""docs/mutation.md: a row for each module, written by the run, and each reason, out of the list of survivors.

Guarantees: equal outcomes give equal bytes; a run of some modules leaves the others' rows as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.tools.mutation.mutants import Outcome, digest
from tests.tools.mutation.survivors import Reason
from tests.tools.mutation.targets import ROOT, TARGETS, source_of

DOCUMENT = ROOT / "docs" / "mutation.md"
_HEAD = """# Mutation

Written by `make mutants MUTANTS=--write`: do not edit.

A test that passes proves little if it would pass with a bug, too. So small bugs are put into the code that decides, one
at a time: a comparison turned round, a condition left out, an argument dropped, a text changed. For each of these
*mutants* either a test fails, or mypy refuses it as `make check` would, or the tests no longer come to an end; or it is
in [the list of survivors](../tests/tools/mutation/survivors.toml) with a reason. `make mutants` fails on a survivor
without a reason, and on a reason without a survivor. Lines that do nothing but log are left alone: their words are for
people.

`code` is a digest of the code that was mutated. `make mutants MUTANTS="--changed --write"` runs the modules whose code
changed after that.

Only the fast tests of a module run (`tests/tools/mutation/targets.py`). Bugs of another size, like an epoch that is not
raised or labels that move before the proof, are planted in the simulated stories (`tests/simulation/plants.py`).

| module | mutants | failed a test | refused by mypy | never ended | survive, explained | noticed | code |
|---|--:|--:|--:|--:|--:|--:|---|
"""
_ROW = re.compile(r"^\| `steps/([\w/]+)\.py` \|.*$", re.MULTILINE)


def row(outcome: Outcome) -> str:
    """A module's row."""
    noticed = outcome.killed + outcome.types + outcome.timeout
    cells = (outcome.mutants, outcome.killed, outcome.types, outcome.timeout, len(outcome.survived))
    counts = " | ".join(map(str, cells))
    return f"| `{source_of(outcome.module)}` | {counts} | {noticed / outcome.mutants:.1%} | {outcome.code} |"


def rows_of(text: str) -> dict[str, str]:
    """The rows of a document, by module."""
    return {found[1].replace("/", "."): found[0] for found in _ROW.finditer(text)}


def changed_modules(text: str) -> list[str]:
    """The targets that have no row in a document, or whose code has changed since."""
    rows = rows_of(text)
    return [
        module
        for module in TARGETS
        if not rows.get(module, "").endswith(f"| {digest((ROOT / source_of(module)).read_text())} |")
    ]


def document(outcomes: Iterable[Outcome], *, before: str, explained: Iterable[Reason]) -> str:
    """The whole document.

    Args:
        outcomes: Of the modules that were run.
        before: The document as it was, for the others' rows.
        explained: The list of survivors.
    """
    rows = rows_of(before) | {outcome.module: row(outcome) for outcome in outcomes}
    table = "".join(f"{rows[module]}\n" for module in TARGETS if module in rows)
    return f"{_HEAD}{table}\n## Why they may survive\n\n{''.join(_reasons(explained))}"


def _reasons(explained: Iterable[Reason]) -> Iterator[str]:
    for reason in explained:
        counted = Counter(mutant.module for mutant in reason.mutants)
        where = ", ".join(f"{module} {number}" for module, number in sorted(counted.items()))
        yield f"- {' '.join(reason.text.split())} ({where})\n"


def write(outcomes: Iterable[Outcome], *, explained: Iterable[Reason], file: Path = DOCUMENT) -> None:
    """Write the document."""
    before = file.read_text() if file.exists() else ""
    file.write_text(document(outcomes, before=before, explained=explained))
