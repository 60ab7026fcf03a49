"""Agent runs of a task: found, read and judged. Writes nothing.

What counts as a run is data (`settings.agents`). A kind whose task is a label is selected by the API server; any other
is listed whole and filtered here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps import fieldpath
from steps.clock import parse_stamp
from steps.decisions import Action, Facts, Policy, Verdict, decide_run
from steps.events import About
from steps.kube import Resource
from steps.record import Agent, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from steps.context import Context
    from steps.kube import Json, Kube
    from steps.push import TaskId
    from steps.record import Record
    from steps.run_kind import RunKind

_REPOSITORY = re.compile(r"(?:^|[/:])([^/:]+/[^/:]+?)(?:\.git)?/?$")


def resource(kind: RunKind) -> Resource:
    """The API resource of a kind."""
    return Resource(group=kind.group, version=kind.version, plural=kind.plural)


def repository_of(text: str) -> str:
    """owner/name of a repository given as URL, as git address or as owner/name; empty if it is none of them."""
    match = _REPOSITORY.search(text)
    return match.group(1) if match else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An agent run as it was read; `object_kind` is what its manifest calls the kind, such as CodeRun."""

    kind: RunKind
    object_kind: str
    name: str
    uid: str
    resource_version: str
    job: str
    facts: Facts

    @property
    def ended(self) -> bool:
        """Its phase is one of those in which its kind has finished."""
        return self.facts.phase in self.kind.finished

    def about(self, *, namespace: str) -> About:
        """The run, as an Event names it."""
        version = f"{self.kind.group}/{self.kind.version}" if self.kind.group else self.kind.version
        return About(api_version=version, kind=self.object_kind, namespace=namespace, name=self.name, uid=self.uid)

    def as_agent(self, *, outcome: Outcome, reason: str) -> Agent:
        """The run's line in the record."""
        return Agent(
            kind=self.kind.plural,
            name=self.name,
            uid=self.uid,
            job=self.job,
            agent=self.facts.agent,
            created_at=self.facts.created_at,
            outcome=outcome,
            reason=reason,
        )

    def as_told(self) -> Agent:
        """The run's line in the record once it is told to stop, for being stale."""
        return self.as_agent(outcome=Outcome.STOPPING, reason="stale")


def parse_run(obj: Json, *, kind: RunKind) -> Run:
    """Read the fields that decisions need; what the object does not say is empty."""
    metadata = obj["metadata"]
    return Run(
        kind=kind,
        # Items of a list of Kubernetes' own kinds do not repeat what they are; those kinds are called like Job and Pod.
        object_kind=obj.get("kind") or kind.plural.removesuffix("s").capitalize(),
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        job=fieldpath.read(obj, kind.job),
        facts=Facts(
            created_at=parse_stamp(metadata["creationTimestamp"]),
            deleting="deletionTimestamp" in metadata,
            repository=repository_of(fieldpath.read(obj, kind.repository)),
            agent=fieldpath.read(obj, kind.agent),
            phase=fieldpath.read(obj, kind.phase),
            sha=fieldpath.read(obj, kind.sha),
        ),
    )


def list_runs(kinds: Iterable[RunKind], *, kube: Kube, namespace: str, task: TaskId) -> Iterator[Run]:
    """Every run of a task, of every kind, whoever it belongs to.

    Raises:
        BadInputError: A kind is not served: its CRD is not installed.
    """
    for kind in kinds:
        key = fieldpath.label_key(kind.task)
        labels = _selector(kind.selector | ({key: str(task)} if key else {}))
        for obj in kube.list(resource(kind), namespace=namespace, labels=labels):
            if fieldpath.read(obj, kind.task) == task:
                yield parse_run(obj, kind=kind)


def live_runs(kinds: Iterable[RunKind], *, kube: Kube, namespace: str) -> Iterator[tuple[str, Run]]:
    """Every run of every task that has not finished, with the task; one list a kind.

    Raises:
        BadInputError: A kind is not served: its CRD is not installed.
    """
    for kind in kinds:
        key = fieldpath.label_key(kind.task)
        labels = ",".join(filter(None, (_selector(kind.selector), key)))
        for obj in kube.list(resource(kind), namespace=namespace, labels=labels):
            task = fieldpath.read(obj, kind.task)
            if task and fieldpath.read(obj, kind.phase) not in kind.finished:
                yield task, parse_run(obj, kind=kind)


def _selector(wanted: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(wanted.items()))


def task_runs(context: Context) -> tuple[Run, ...]:
    """Every run of the step's task, now."""
    settings = context.settings
    return tuple(
        list_runs(settings.agents, kube=context.kube, namespace=settings.namespaces.agents, task=context.push.task)
    )


def judge(run: Run, *, repository: str, mark: datetime, head_sha: str) -> Verdict:
    """Decide about a run by its kind's rules; the rest is decide_run's."""
    policy = Policy(cancellable=run.kind.cancellable, exempt=run.kind.exempt, finished=run.kind.finished)
    return decide_run(run.facts, policy=policy, repository=repository, mark=mark, head_sha=head_sha)


def judge_for(record: Record, run: Run) -> Verdict:
    """Decide about a run by a record: its repository, its watermark and the head SHA that it protects."""
    protected = record.pull_request.head_sha if record.pull_request else record.push.sha
    return judge(run, repository=record.push.repository, mark=record.watermark, head_sha=protected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The runs of a task, judged."""

    to_cancel: tuple[Run, ...]
    to_await: tuple[Run, ...]
    kept: tuple[Agent, ...]

    @property
    def stale(self) -> tuple[Run, ...]:
        """Runs that have to be gone."""
        return self.to_cancel + self.to_await


def judge_all(runs: Iterable[Run], *, record: Record) -> Judged:
    """Judge runs for a record."""
    found: dict[Action, list[tuple[Run, Verdict]]] = {action: [] for action in Action}
    for run in runs:
        verdict = judge_for(record, run)
        found[verdict.action].append((run, verdict))
    return Judged(
        to_cancel=tuple(run for run, _ in found[Action.CANCEL]),
        to_await=tuple(run for run, _ in found[Action.AWAIT]),
        kept=tuple(run.as_agent(outcome=Outcome.KEPT, reason=verdict.reason) for run, verdict in found[Action.KEEP]),
    )
