"""Tell many stories, or one again: `python -m tests.simulation [--stories N] [--from SEED] [--trace]`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.invariants import broken
from tests.simulation.world import Story


def tell(seed: int) -> tuple[Story, list[str]]:
    """Tell one story to its end; what does not hold in it."""
    story = Story(seed=seed)
    try:
        story.play()
        story.finish()
        found = [f"{each.invariant}: {each.what}" for each in broken(story)]
    except Exception as error:  # noqa: BLE001 - a story that cannot be told is a finding as well
        found = [f"{type(error).__name__}: {error}"]
    story.turns.stop()
    return story, found


def main() -> int:
    """Tell them; 1 if anything does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--stories", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="first seed (0)")
    parser.add_argument("--trace", action="store_true", help="print every turn")
    options = parser.parse_args()
    began, failed, turns = time.monotonic(), 0, 0
    for seed in range(options.first, options.first + options.stories):
        story, found = tell(seed)
        turns += len(story.turns.trace)
        if options.trace:
            print("\n".join(story.turns.trace))
        for each in found:
            print(f"seed {seed}: {each}", flush=True)
        failed += bool(found)
    print(
        f"{options.stories} stories, {turns} turns, {failed} broken, {time.monotonic() - began:.0f} s", file=sys.stderr
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
