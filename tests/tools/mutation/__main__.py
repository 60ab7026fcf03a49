"""Mutate, compare with the list: `python -m tests.tools.mutation [--changed] [--write] [--parallel N] [MODULE]...`."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.tools.mutation import report, survivors
from tests.tools.mutation.mutants import MutationError, Outcome, run
from tests.tools.mutation.targets import TARGETS, source_of


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"one of {', '.join(TARGETS)} (all)")
    parser.add_argument("--changed", action="store_true", help="only modules that changed after their last run")
    parser.add_argument("--write", action="store_true", help="write docs/mutation.md, if all is explained")
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
    """Run them; 1 if a survivor is unexplained, or an explanation has no survivor."""
    given = options()
    outcomes: list[Outcome] = []
    for number, module in enumerate(given.modules, start=1):
        print(f"[{number}/{len(given.modules)}] {source_of(module)}", flush=True)
        began = time.monotonic()
        try:
            outcomes.append(run(module, parallel=given.parallel))
        except MutationError as error:
            print(error, file=sys.stderr)
            return 1
        seconds = time.monotonic() - began
        print(f"{outcomes[-1].mutants} mutants, {len(outcomes[-1].survived)} survived, {seconds:.0f} s", flush=True)
    explained = survivors.read()
    survived = [mutant for outcome in outcomes for mutant in outcome.survived]
    found = survivors.compare(survived, explained=explained, modules=given.modules)
    for mutant in found.unexplained:
        print(f"survives without a reason: write a test, or explain it in {survivors.FILE.name}:\n{mutant.as_toml()}")
    for mutant in found.outdated:
        print(f"does not survive any more, or is gone: take it out of {survivors.FILE.name}:\n{mutant.as_toml()}")
    if found.unexplained or found.outdated:
        return 1
    if given.write:
        report.write(outcomes, explained=explained)
    return 0


if __name__ == "__main__":
    sys.exit(main())
