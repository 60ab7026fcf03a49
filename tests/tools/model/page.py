"""The text of docs/scale.md.

Guarantees that equal results give equal bytes, and that every number of the document comes from the model, from its
parameters or from measured.toml.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.tools.model.measured import FACTOR
from tests.tools.model.picture import ABOUT
from tests.tools.model.report import COLUMNS, Results, cells, duration

_HEAD = f"""\
# Scale

Written by `make model MODEL=--write`: do not edit. This page shows a **model**, not measurements, except where it
says so. The model is a simulation (`tests/tools/model/`): pushes, the Sensor, Argo's controller, the semaphore, a
task's mutex, pods that share processors, help, coalescing. Its parameters and their sources are in
`tests/tools/model/parameters.py`. What to set is in [operations.md](operations.md#bursts).

![{ABOUT}](burst-model.svg)

## How far the model is off

Each measured time beside the mean of eight simulated bursts. A test holds them within a factor of {FACTOR}. The
processor times of the model were fitted to the points marked *fitted*, so these show less than the others. All
points are bursts of 1, 25 or 100 pushes, on two processors which ran the control plane too. Nothing was measured with
more pushes or more cores. `tests/tools/model/measured.toml` has the points.

The model does not show what `--qps 100` saved in the measured bursts of 25. Each of them was measured once, on a
machine with other load. So either the load differed, or Argo sends more requests than the model assumes.

| measured | source | when | time until | measured, s | model, s | model / measured | fitted |
|---|---|---|---|--:|--:|--:|---|
"""
_LIMITS = """
## What each resource carries

Calculated from the parameters, not simulated. *Pushes a minute* can go on for hours without a queue that grows,
with one stale run each. *At once* is how many pushes pass before the first one waits. With help, agents are stopped
before their own Workflow begins; but each push still needs its Workflow, a pod, and its requests to GitHub.

GitHub's documents do not say whether adding a label is a content-creating request. The model counts it as one.
After a limit, all pods wait for the time that GitHub names, at most `github.deadline_s`, and then end with exit
code 75. They do so before they stop agents, unless `github.unreadable` is `cancel`. The simulation below has no
limits of GitHub: it shows what the cluster can do. GitHub Enterprise Server has no limits by default.

| resource | pushes a minute | at once | moved by |
|---|--:|--:|---|
"""
_BURSTS = """
## Bursts: several pushes within one minute, then none

Each push goes to a task of its own with one live agent. Times are from each push's own webhook, but *Workflows
ended* is from the first one. *API requests* are those of the pods and of Argo's controller; *most in 1 s* counts
those of the pods. *First bottleneck* is what shortens the time for 95 % most if its setting is doubled or halved;
the share that this saves is in brackets. Nothing stands there if 95 % of the pushes wait for less than 10 s. Two or
three are named if none of them helps alone.

"""
_COALESCED = """
## Coalescing: {pushes:,} pushes within one minute to fewer tasks

With help, 8 cores and 10 places. An execution stops agents and moves labels. The other pushes are superseded.

| tasks | executions | pods | agents gone: 95 % | Workflows ended | GitHub |
|--:|--:|--:|--:|--:|--:|
"""
_NOT = """
## Not modelled

Failures and retries, reconcile, agents that end slowly, the time of Argo's passes and the number of its workers,
slow lists, memory, the scheduler, and quotas. The simulation knows a push when its Workflow exists; a real pod
knows the head of the branch earlier.
"""
_LARGE = 100


def markdown(results: Results, *, pushes: int) -> str:
    """The whole document.

    Args:
        results: What the model came to.
        pushes: How many pushes were coalesced.
    """
    head = f"| {' | '.join(COLUMNS)} |\n|{'--:|' * (len(COLUMNS) - 2)}---|---|\n"
    parts = [_HEAD, *_compared(results), _LIMITS, *_limits(results), _BURSTS, head]
    parts += [f"| {' | '.join(cells(each))} |\n" for each in results.played]
    return "".join([*parts, _COALESCED.format(pushes=pushes), *_coalesced(results), _NOT])


def _compared(results: Results) -> Iterator[str]:
    for each in results.compared:
        yield (
            f"| {each.point} | {each.source} | {each.date} | {each.time} | {each.measured:.1f} | {each.modelled:.1f} | "
            f"{each.ratio:.2f} | {'fitted' if each.fitted else ''} |\n"
        )


def _limits(results: Results) -> Iterator[str]:
    for each in results.limits:
        carried = f"{each.pushes:.1f}" if each.pushes < _LARGE else f"{each.pushes:,.0f}"
        yield f"| {each.what} | {carried} | {f'{each.at_once:,}' if each.at_once else ''} | {each.moved_by} |\n"


def _coalesced(results: Results) -> Iterator[str]:
    for tasks, outcome in results.coalesced.items():
        yield (
            f"| {tasks:,} | {outcome.executions:,} | {outcome.pods:,} | {duration(outcome.percentile(95))} | "
            f"{duration(outcome.ended)} | {outcome.github:,} |\n"
        )
