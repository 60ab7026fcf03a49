"""Agent runs of a task: found, read and judged. Writes nothing.

What counts as a run is data (`settings.agents`). A kind whose task is a label is selected by the API server; any other
is listed whole and filtered here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.core import parse_time
from steps.domain import ZERO_SHA, Agent, AgentPolicy, RunAction, RunDecision, RunFacts, RunOutcome, decide_run
from steps.kube import ObjectReference, Resource, label_key, read_field

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from steps.domain import Record, TaskId
    from steps.kube import Json, Kube
    from steps.runtime import StepContext
    from steps.settings import RunKind

# What a run says of itself goes into the record, which has to fit into an annotation.
_MAX_TEXT = 256
_REPOSITORY = re.compile(r"(?:^|[/:])([^/:]+/[^/:]+?)(?:\.git)?/?$")


def kind_resource(kind: RunKind) -> Resource:
    """The API resource of a kind."""
    return Resource(group=kind.group, version=kind.version, plural=kind.plural)


def parse_repository(text: str) -> str:
    """owner/name of a repository given as URL, as git address or as owner/name; empty if it is none of them."""
    match = _REPOSITORY.search(text)
    return match.group(1) if match else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRun:
    """An agent run as it was read; `object_kind` is what its manifest calls the kind, such as CodeRun."""

    kind: RunKind
    object_kind: str
    name: str
    uid: str
    resource_version: str
    job: str
    facts: RunFacts

    @property
    def ended(self) -> bool:
        """Its phase is one of those in which its kind has finished."""
        return self.facts.phase in self.kind.finished

    def about(self, *, namespace: str) -> ObjectReference:
        """The run, as an Event names it."""
        version = f"{self.kind.group}/{self.kind.version}" if self.kind.group else self.kind.version
        return ObjectReference(
            api_version=version, kind=self.object_kind, namespace=namespace, name=self.name, uid=self.uid
        )

    def as_agent(self, *, outcome: RunOutcome, reason: str) -> Agent:
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

    def as_stopping(self) -> Agent:
        """The run's line in the record once it is told to stop, for being stale."""
        return self.as_agent(outcome=RunOutcome.STOPPING, reason="stale")


def parse_run(obj: Json, *, kind: RunKind) -> AgentRun:
    """Read the fields that decisions need; what the object does not say is empty."""
    metadata = obj["metadata"]

    def text(path: str) -> str:
        return read_field(obj, path)[:_MAX_TEXT]

    return AgentRun(
        kind=kind,
        # Items of a list of Kubernetes' own kinds do not repeat what they are; those kinds are called like Job and Pod.
        object_kind=obj.get("kind") or kind.plural.removesuffix("s").capitalize(),
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        job=text(kind.job),
        facts=RunFacts(
            created_at=parse_time(metadata["creationTimestamp"]),
            deleting="deletionTimestamp" in metadata,
            repository=parse_repository(text(kind.repository)),
            agent=text(kind.agent),
            phase=text(kind.phase),
            sha=text(kind.sha),
        ),
    )


def list_runs(kinds: Iterable[RunKind], *, kube: Kube, namespace: str, task: TaskId) -> Iterator[AgentRun]:
    """Every run of a task, of every kind, whoever it belongs to.

    Raises:
        BadInputError: A kind is not served: its CRD is not installed.
    """
    for kind in kinds:
        key = label_key(kind.task)
        labels = _selector(kind.selector | ({key: str(task)} if key else {}))
        for obj in kube.list(kind_resource(kind), namespace=namespace, labels=labels):
            if read_field(obj, kind.task) == task:
                yield parse_run(obj, kind=kind)


def live_runs(
    kinds: Iterable[RunKind],
    *,
    kube: Kube,
    namespace: str,
    unreadable: Callable[[Json, Exception], None],
) -> Iterator[tuple[str, AgentRun]]:
    """Every run of every task that has not finished, with the task; one list a kind.

    Args:
        kinds: What counts as a run.
        kube: The API server.
        namespace: Where agents run.
        unreadable: Called with each object that cannot be read as a run, and why; the others are read all the same.

    Raises:
        BadInputError: A kind is not served: its CRD is not installed.
    """
    for kind in kinds:
        key = label_key(kind.task)
        labels = ",".join(filter(None, (_selector(kind.selector), key)))
        for obj in kube.list(kind_resource(kind), namespace=namespace, labels=labels):
            task = read_field(obj, kind.task)
            if task and read_field(obj, kind.phase) not in kind.finished:
                try:
                    run = parse_run(obj, kind=kind)
                except (KeyError, TypeError, ValueError) as error:
                    unreadable(obj, error)
                else:
                    yield task, run


def _selector(wanted: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(wanted.items()))


def task_runs(context: StepContext) -> tuple[AgentRun, ...]:
    """Every run of the step's task, now."""
    settings = context.settings
    return tuple(
        list_runs(
            settings.agents, kube=context.clients.kube, namespace=settings.namespaces.agents, task=context.push.task
        )
    )


def decide_by_kind(
    run: AgentRun, *, repository: str, watermark: datetime, head_sha: str, older: Collection[str] = ()
) -> RunDecision:
    """Decide about a run by its kind's policy; `decide_run` has the rules."""
    policy = AgentPolicy(cancellable=run.kind.cancellable, exempt=run.kind.exempt, finished=run.kind.finished)
    return decide_run(
        run.facts, policy=policy, repository=repository, watermark=watermark, head_sha=head_sha, older=older
    )


def decide_by_record(record: Record, run: AgentRun) -> RunDecision:
    """Decide about a run by a record: its repository, its watermark, its head, and the commits that it replaced."""
    head = record.pull_request.head_sha if record.pull_request else record.push.sha
    older = {*record.older, str(record.push.before)} - {ZERO_SHA, head}
    repository = record.push.repository
    return decide_by_kind(run, repository=repository, watermark=record.watermark, head_sha=head, older=older)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDecisions:
    """The runs of a task, judged."""

    to_cancel: tuple[AgentRun, ...]
    to_await: tuple[AgentRun, ...]
    kept: tuple[Agent, ...]

    @property
    def stale(self) -> tuple[AgentRun, ...]:
        """Runs that have to be gone."""
        return self.to_cancel + self.to_await


def decide_all(runs: Iterable[AgentRun], *, record: Record) -> RunDecisions:
    """Judge runs for a record."""
    found: dict[RunAction, list[tuple[AgentRun, RunDecision]]] = {action: [] for action in RunAction}
    for run in runs:
        verdict = decide_by_record(record, run)
        found[verdict.action].append((run, verdict))
    return RunDecisions(
        to_cancel=tuple(run for run, _ in found[RunAction.CANCEL]),
        to_await=tuple(run for run, _ in found[RunAction.AWAIT]),
        kept=tuple(
            run.as_agent(outcome=RunOutcome.KEPT, reason=verdict.reason) for run, verdict in found[RunAction.KEEP]
        ),
    )
