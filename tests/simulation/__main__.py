"""Play many stories; or one: `python -m tests.simulation [--stories N] [--from SEED] [--trace] [--examples M]`."""

from __future__ import annotations

import argparse
import sys
import time

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.invariants import broken
from tests.simulation.machine import Task
from tests.simulation.world import Story


def play_story(seed: int) -> tuple[Story, list[str]]:
    """Play one story to its end; what does not hold in it."""
    story = Story(seed=seed)
    try:
        story.play()
        story.finish()
        found = [f"{each.invariant}: {each.what}" for each in broken(story)]
    except Exception as error:  # noqa: BLE001 - a story that cannot be played is a finding as well
        found = [f"{type(error).__name__}: {error}"]
    story.turns.stop()
    return story, found


def main() -> int:
    """Play them; 1 if anything does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--stories", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="first seed (0)")
    parser.add_argument("--examples", type=int, default=1000, help="of the state machine, new each time (1000)")
    parser.add_argument("--trace", action="store_true", help="print every turn")
    options = parser.parse_args()
    began, failed, turns = time.monotonic(), 0, 0
    for seed in range(options.first, options.first + options.stories):
        story, found = play_story(seed)
        turns += len(story.turns.trace)
        if options.trace:
            print("\n".join(story.turns.trace))
        for each in found:
            print(f"seed {seed}: {each}", flush=True)
        failed += bool(found)
    print(
        f"{options.stories} stories, {turns} turns, {failed} broken, {time.monotonic() - began:.0f} s", file=sys.stderr
    )
    if options.examples:
        began = time.monotonic()
        # A failure is raised as the shortest sequence of events that leads to it.
        slow = [HealthCheck.too_slow]
        many = settings(
            max_examples=options.examples, stateful_step_count=40, deadline=None, suppress_health_check=slow
        )
        run_state_machine_as_test(Task, settings=many)
        print(f"{options.examples} examples, none broken, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
