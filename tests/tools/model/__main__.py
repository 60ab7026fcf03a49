"""Model bursts of pushes: `python -m tests.tools.model [--quick] [--json FILE|-] [--write]`.

Takes about two minutes; with --quick, which leaves out 10,000 pushes, ten seconds. Exits with 1 if the model is farther
from a measured point than its factor.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.tools.model.limits import limits
from tests.tools.model.measured import FACTOR, compare
from tests.tools.model.page import markdown
from tests.tools.model.parameters import Argo, Node, Requests
from tests.tools.model.picture import lines, picture
from tests.tools.model.points import RATES, coalesced, played, points
from tests.tools.model.report import Results, as_json, table

ROOT = Path(__file__).parents[3]
DOCUMENT, PICTURE = ROOT / "docs" / "scale.md", ROOT / "docs" / "burst-model.svg"
COALESCED, TASKS = 1_000, (1_000, 100, 10)
_PLAIN_WIDTH = 200


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.model", description="Model bursts of pushes.")
    parser.add_argument("--quick", action="store_true", help="leave out the largest bursts")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON; - for standard output, no table")
    parser.add_argument("--write", action="store_true", help="write docs/scale.md and docs/burst-model.svg")
    given = parser.parse_args(arguments)
    if given.quick and given.write:
        parser.error("docs/scale.md holds every burst: --write goes without --quick")
    return given


def model(*, rates: Sequence[int]) -> Results:
    """Play the bursts of these rates, and everything else."""
    return Results(
        compared=tuple(compare()),
        limits=tuple(limits(node=Node(), argo=Argo(), requests=Requests())),
        played=tuple(played(point) for point in points() if point.rate in rates),
        coalesced={tasks: coalesced(tasks, pushes=COALESCED) for tasks in TASKS},
    )


def main(arguments: list[str] | None = None) -> int:
    """Model, show, write."""
    given = options(arguments)
    with Console(stderr=True).status("playing bursts ..."):
        results = model(rates=RATES[:-1] if given.quick else RATES)
    if given.json:
        text = json.dumps(as_json(results), indent=1) + "\n"
        if given.json == "-":
            print(text, end="")
        else:
            Path(given.json).write_text(text)
    if given.write:
        DOCUMENT.write_text(markdown(results, pushes=COALESCED))
        PICTURE.write_text(picture(lines()))
    if given.json != "-":
        Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH).print(table(results.played))
    off = [each for each in results.compared if not each.within]
    for each in off:
        print(f"off by more than {FACTOR}: {each.point}, {each.time}: {each.ratio:.2f}", file=sys.stderr)
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
