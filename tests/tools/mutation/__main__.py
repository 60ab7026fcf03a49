"""Mutate, compare with the list: `python -m tests.tools.mutation [--changed] [--write] [--parallel N] [MODULE]...`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable

from tests.tools.mutation import report, survivors
from tests.tools.mutation.mutants import MutationError, Outcome, run
from tests.tools.mutation.targets import TARGETS, source_of


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"one of {', '.join(TARGETS)} (all)")
    parser.add_argument("--changed", action="store_true", help="only modules that changed after their last run")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write docs/mutation.md: modules that are explained",
    )
    parser.add_argument("--parallel", type=int, default=os.cpu_count() or 1, help="mutants side by side (cores)")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.modules) - set(TARGETS))
    if unknown:
        parser.error(f"{', '.join(unknown)}: not among {', '.join(TARGETS)}")
    given.modules = given.modules or list(TARGETS)
    if given.changed:
        changed = report.changed_modules(report.DOCUMENT.read_text())
        given.modules = [module for module in given.modules if module in changed]
    return given


def main() -> int:
    """Run them; 1 if a survivor is unexplained, or an explanation has no survivor.

    The row of each module is written as soon as it is measured, so an interrupted run loses none.
    """
    given, explained, failed = options(), survivors.read(), False
    for number, module in enumerate(given.modules, start=1):
        print(f"[{number}/{len(given.modules)}] {source_of(module)}", flush=True)
        began = time.monotonic()
        try:
            outcome = run(module, parallel=given.parallel)
        except MutationError as error:
            print(error, file=sys.stderr)
            return 1
        seconds = time.monotonic() - began
        print(f"{outcome.mutants} mutants, {len(outcome.survived)} survived, {seconds:.0f} s", flush=True)
        if not is_explained(outcome, module=module, explained=explained):
            failed = True
        elif given.write:
            report.write([outcome], explained=explained)
    return int(failed)


def is_explained(outcome: Outcome, *, module: str, explained: Iterable[survivors.Reason]) -> bool:
    """Whether the survivors of a module are those of the list. Prints each that is not, and each that is only there."""
    found = survivors.compare(outcome.survived, explained=explained, modules=[module])
    for mutant in found.unexplained:
        print(f"survives without a reason: write a test, or explain it in {survivors.FILE.name}:\n{mutant.as_toml()}")
    for mutant in found.outdated:
        print(f"does not survive any more, or is gone: take it out of {survivors.FILE.name}:\n{mutant.as_toml()}")
    return not (found.unexplained or found.outdated)


if __name__ == "__main__":
    sys.exit(main())
