"""Play one push and show it: `python -m tests.tools.demo [--cluster] [--json]`. Exits with 1 if it ends wrongly."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.tools.demo.outcome import Outcome
from tests.tools.demo.play import play


def timeline(outcome: Outcome) -> Table:
    """What happened when."""
    table = Table(title="One push", title_justify="left", box=None)
    table.add_column("after", justify="right", style="dim")
    table.add_column("who", style="cyan")
    table.add_column("what")
    for moment in outcome.moments:
        table.add_row(f"{max(moment.at, 0):.2f} s", moment.who, moment.what)
    return table


def agents(outcome: Outcome) -> Table:
    """Who was there before, and who is left."""
    reasons = {agent["name"]: f"{agent['outcome']}: {agent['reason']}" for agent in outcome.record["agents"]}
    table = Table(title="Agents of the task", title_justify="left")
    for column in ("run", "agent", "before", "after", "why"):
        table.add_column(column)
    for name, (agent, phase) in sorted(outcome.before.items()):
        now = outcome.after.get(name)
        shown = f"[green]{now[1]}[/]" if now else "[red]gone[/]"
        table.add_row(name, agent, phase, shown, reasons.get(name, ""))
    return table


def labels(outcome: Outcome) -> Table:
    """The pull request's labels."""
    table = Table(title=f"Pull request #{outcome.pull_request}", title_justify="left")
    table.add_column("labels before")
    table.add_column("labels after")
    table.add_row("\n".join(sorted(outcome.labels_before)), "\n".join(sorted(outcome.labels_after)))
    return table


def _play(folder: Path, *, cluster: bool, progress: Callable[[str], None]) -> Outcome:
    if not cluster:
        return play(folder, progress=progress)
    # Not for a play on doubles: what a cluster is made of.
    from tests.tools.demo import in_cluster  # noqa: PLC0415

    return in_cluster.play(progress=progress)


def main() -> int:
    """Play, show, judge."""
    parser = argparse.ArgumentParser(prog="make demo", description="Play one push and show it.")
    parser.add_argument("--cluster", action="store_true", help="in a real cluster (as root), not on doubles")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    options = parser.parse_args()
    waiting = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="agent-cancellation-demo-") as folder, waiting.status("") as status:
        outcome = _play(Path(folder), cluster=options.cluster, progress=lambda text: status.update(f"{text} ..."))
    if options.json:
        json.dump(asdict(outcome) | {"good": outcome.good}, sys.stdout, indent=1)
        print()
        return 0 if outcome.good else 1
    console = Console(width=None if sys.stdout.isatty() else 120)
    for table in (timeline(outcome), agents(outcome), labels(outcome)):
        console.print(table, "")
    if outcome.good:
        console.print("[green]The stale agents are gone, the exempt and the newer one live, the labels have moved.[/]")
        return 0
    console.print("[red]That is not how it has to end.[/]")
    for process in outcome.processes:
        console.print(f"{process.container} ended with {process.exit_code}\n{process.output}", markup=False)
    return 1


if __name__ == "__main__":
    sys.exit(main())
