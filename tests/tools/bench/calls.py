"""Entry `calls`: how many requests a cancellation makes, by kind, with n stale runs.

Counted in process and on a clock of its own (tests.support.harness), so that the numbers are the same on every
machine. The wait is what lies between the last DELETE of a run and the write that says that all are proven gone, less
renewals.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from steps.cancel import cancel
from steps.core.errors import Exit
from steps.core.keys import RECORD
from steps.runtime.github_connections import GitHubConnections
from steps.telemetry.audit import Audit
from tests.doubles import github as github_double
from tests.doubles.clock import ManualClock
from tests.support.harness import NEW, OLD, REPOSITORY, Scene
from tests.tools.bench.measured import BenchError, Entry, Row
from tests.tools.bench.world import add_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from steps.runtime.context import StepContext
    from tests.doubles.kubernetes import Call
    from tests.tools.bench.bench import Bench

SIZES, QUICK_SIZES = (0, 1, 5, 20), (0, 5)
KUBERNETES_FIXED, KUBERNETES_EACH, GITHUB_TARGET, COMMENT_TARGET = 12, 2, 5, 2
BEFORE, WAIT, AFTER = "before the wait", "in the wait", "after it"
_KIND = re.compile(r"/namespaces/[^/]+/([a-z]+)(/.+)?$")


class Asked(Protocol):
    """A request, as far as it is counted."""

    @property
    def method(self) -> str:
        """GET and the like."""
        ...

    @property
    def path(self) -> str:
        """Without the query."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The requests of one cancellation, by phase and kind."""

    kubernetes: Counter[tuple[str, str]]
    github: Counter[str]

    def phase(self, *names: str) -> int:
        """Requests to Kubernetes in these phases."""
        return sum(count for (phase, _), count in self.kubernetes.items() if phase in names)

    def detail(self, *names: str) -> dict[str, float]:
        """The same by kind, in the order of the phases."""
        found = sorted(self.kubernetes.items())
        return {f"{phase} {kind}": float(count) for name in names for (phase, kind), count in found if phase == name}


def counted(*, stale: int, kind: str, folder: Path) -> Counts:
    """Play one push with this many stale runs."""
    # Ahead of the machine's clock, which stamps the App's tokens: one from the future would be refused.
    clock = ManualClock(start=datetime.now(UTC) + timedelta(seconds=30))
    github = github_double.GitHub(clock=clock.timestamp, sleep=clock.sleep)
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress", "skip-automation"])
    github.add_pull_request(head="task-7-work", sha=OLD, labels=["ready-for-qa", "task-7"])
    secrets = add_credentials(github, folder)
    with github_double.serve(github) as url:
        scene = Scene(github=github, github_url=url, clock=clock)
        _add_state(scene)
        for _ in range(stale):
            scene.agent()
        scene.later(90)  # of a younger agent, GitHub's list of pushes is asked for as well
        github.push("task-7-work", NEW)
        workflow = scene.workflow(sha=NEW)
        scene.api.calls.clear()
        github.calls.clear()
        if scene.step(_as(secrets[kind], url=url), workflow, pod="pod-1") is not Exit.DONE:
            raise BenchError(f"cancel failed:\n{scene.output.getvalue()}")
        if scene.runs() or scene.record().labels != "moved":
            raise BenchError(f"the push was not dealt with:\n{scene.output.getvalue()}")
        return Counts(
            kubernetes=Counter(_phased(scene.api.calls)),
            github=Counter(f"{call.method} {_shape(call.path)}" for call in github.calls),
        )


def _as(secret: Path, *, url: str) -> Callable[[StepContext], None]:
    """The step with the credentials of a mounted Secret, as the entry point connects."""

    def run(context: StepContext) -> None:
        github = replace(context.settings.github, api_url=url, hosts=("github.com",), credentials_dir=str(secret))
        connections = GitHubConnections(
            settings=github,
            clock=context.clock,
            breaker=context.clients.breakers.github,
            measured=context.measurements,
            audit=Audit(log=context.log),
        )
        # Settings too: the comment's deadline makes settings of its own.
        settings = replace(context.settings, github=github)
        cancel(replace(context, settings=settings, clients=replace(context.clients, github=connections)))

    return run


def _add_state(scene: Scene) -> None:
    settings, namespace = scene.settings.state, scene.settings.namespaces.agents[0]
    metadata = {"name": settings.config_map.format(task=7), "namespace": namespace}
    data = {settings.key: json.dumps({"status": "InProgress"})}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _phased(calls: list[Call]) -> Iterator[tuple[str, str]]:
    kinds = [kind_of(call) for call in calls]
    last_delete = max((index for index, kind in enumerate(kinds) if kind == "DELETE coderuns"), default=len(calls))
    proven = next(
        index
        for index, call in enumerate(calls)
        if call.method == "PUT" and RECORD in call.body["metadata"].get("annotations", {}) and _proven(call)
    )
    for index, kind in enumerate(kinds):
        # A pod looks for pushes to help while the agents end; here, everything happens in one thread.
        helps = "completed!=true" in calls[index].query.get("labelSelector", "")
        waits = helps or (last_delete < index < proven and kind != "PUT leases")
        yield (WAIT if waits else BEFORE if index < proven else AFTER), kind


def _proven(call: Call) -> bool:
    return "proven_gone_at" in json.loads(call.body["metadata"]["annotations"][RECORD])


def kind_of(call: Asked) -> str:
    """Verb and resource of a request; reading a collection is LIST."""
    match = _KIND.search(call.path)
    if match is None:
        return f"{call.method} {call.path}"
    verb = "LIST" if call.method == "GET" and not match.group(2) else call.method
    return f"{verb} {match.group(1)}"


def _shape(path: str) -> str:
    """A GitHub path without what is particular to this pull request."""
    path = path.replace(f"/repos/{REPOSITORY}", "")
    return re.sub(r"/labels/.+", "/labels/NAME", re.sub(r"/\d+", "/N", path))


def measure(bench: Bench) -> Iterator[Row]:
    """Count for each credential and size."""
    for kind, label in (("token", "token"), ("app", "GitHub App")):
        for stale in QUICK_SIZES if bench.quick else SIZES:
            bench.progress(f"counting calls, {label}, n = {stale}")
            counts = counted(stale=stale, kind=kind, folder=bench.folder / f"calls-{kind}-{stale}")
            least = Row(what="", unit="calls", values=(1.0 + stale,))
            name = f"{label}, n = {stale}"
            if kind == "token":
                besides = Row(
                    what=f"Kubernetes besides the wait, {name}",
                    unit="calls",
                    values=(float(counts.phase(BEFORE, AFTER)),),
                    target=float(KUBERNETES_FIXED + KUBERNETES_EACH * stale),
                    detail=counts.detail(BEFORE, AFTER),
                )
                yield besides.against(**{"list and delete": least})
                waited = (float(counts.phase(WAIT)),)
                what = f"Kubernetes in the wait, {name}"
                yield Row(what=what, unit="calls", values=waited, detail=counts.detail(WAIT))
            yield Row(
                what=f"GitHub, {name}",
                unit="calls",
                values=(float(counts.github.total()),),
                target=float(GITHUB_TARGET + COMMENT_TARGET),
                detail={what: float(n) for what, n in sorted(counts.github.items())},
            )


ENTRY = Entry(
    name="calls",
    title="Requests of one cancellation with n stale runs",
    includes=(
        "A push with a state document and an open pull request. The labels move, and the pull request gets "
        "its first comment. The comment costs two requests; later pushes save one of them. `list and delete` is the "
        "minimum: one list and n deletes. The wait is from the last delete until all runs are proven gone. In these "
        "scenes the agents end on SIGTERM at once; slower agents mean a longer wait with more requests. The wait "
        "includes the Events about each agent (settings.toml, `kubernetes.events`), but not the Event about the end."
    ),
    measure=measure,
)
