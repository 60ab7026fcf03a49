"""Finds, reads and judges the agent runs of a task.

Guarantees that it writes nothing. The settings define the kinds of runs (`agents`) and the branches that are tasks
(`tasks`). If the task of a kind is a label, the API server selects the runs that have it. Otherwise, all objects of the
kind are listed and filtered here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.agents.owned_object import OwnedObject, OwnerReference, read_owners
from steps.core import KEEP, parse_time
from steps.domain import (
    HEADS,
    ZERO_SHA,
    Agent,
    AgentPolicy,
    RunDecision,
    RunFacts,
    RunOutcome,
    decide_run,
    find_task,
    namespaced_name,
    task_id,
)
from steps.kube import ObjectReference, Resource, label_key, read_field

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from steps.domain import Record, TaskId
    from steps.kube import Json, Kube
    from steps.runtime import StepContext
    from steps.settings import RunKind, TaskPattern

# Texts of a run go into the record, and the record has to fit into an annotation.
_MAX_TEXT = 256
# Kinds of built-in resources whose items have no `kind` in a list, and whose names are not that of the resource.
_BUILT_IN = {"replicasets": "ReplicaSet", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}
_REPOSITORY = re.compile(r"(?:^|[/:])([^/:]+/[^/:]+?)(?:\.git)?/?$")


def kind_resource(kind: RunKind) -> Resource:
    """Return the API resource of a kind."""
    return Resource(group=kind.group, version=kind.version, plural=kind.plural)


def parse_repository(text: str) -> str:
    """Return owner/name of a URL, a git address or owner/name; an empty text for anything else."""
    match = _REPOSITORY.search(text)
    return match.group(1) if match else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRun:
    """An agent run as it was read.

    Attributes:
        object_kind: The kind in its manifest, such as CodeRun.
        namespace: Its namespace.
        job: Name of its Job; empty if the run does not name it.
        owners: Its owner references.
    """

    kind: RunKind
    object_kind: str
    name: str
    uid: str
    resource_version: str
    job: str
    facts: RunFacts
    namespace: str = ""
    finalizers: tuple[str, ...] = ()
    owners: tuple[OwnerReference, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether its phase is one of the finished phases of its kind."""
        return self.facts.phase in self.kind.finished

    @property
    def key(self) -> str:
        """Namespace and name, which identify it among the runs of its kind."""
        return namespaced_name(self.namespace, self.name)

    @property
    def job_key(self) -> str:
        """Namespace and name of its Job; empty if it does not name one."""
        return namespaced_name(self.namespace, self.job) if self.job else ""

    def about(self) -> ObjectReference:
        """Return the reference to the run for an Event."""
        version = f"{self.kind.group}/{self.kind.version}" if self.kind.group else self.kind.version
        return ObjectReference(
            api_version=version, kind=self.object_kind, namespace=self.namespace, name=self.name, uid=self.uid
        )

    def as_object(self) -> OwnedObject:
        """Return the run as an object that another run may own."""
        return OwnedObject(
            resource=kind_resource(self.kind),
            name=self.name,
            uid=self.uid,
            resource_version=self.resource_version,
            created_at=self.facts.created_at,
            namespace=self.namespace,
            owners=self.owners,
        )

    def as_agent(self, *, outcome: RunOutcome, reason: str, kept_for: str | None = None) -> Agent:
        """Return the run's entry for the record."""
        return Agent(
            kind=self.kind.plural,
            name=self.name,
            uid=self.uid,
            job=self.job,
            agent=self.facts.agent,
            created_at=self.facts.created_at,
            outcome=outcome,
            reason=reason,
            namespace=self.namespace,
            kept_for=kept_for,
        )

    def as_stopping(self) -> Agent:
        """Return the entry for the record of a stale run that is being stopped."""
        return self.as_agent(outcome=RunOutcome.STOPPING, reason="stale")


def run_task(obj: Json, *, kind: RunKind, patterns: Sequence[TaskPattern]) -> TaskId | None:
    """Return the task of a run: by its id, or by the branch that it works on if it has no id."""
    if text := read_field(obj, kind.task):
        return task_id(kind.task_prefix + text)
    return find_task(read_field(obj, kind.branch), patterns=patterns)


def parse_run(obj: Json, *, kind: RunKind) -> AgentRun:
    """Read the fields that the decisions need. A field that the object does not have is empty."""
    metadata = obj["metadata"]
    marks = (metadata.get("labels") or {}, metadata.get("annotations") or {})

    def text(path: str) -> str:
        return read_field(obj, path)[:_MAX_TEXT]

    return AgentRun(
        kind=kind,
        # Items of a list of built-in kinds have no `kind`. The names of most follow the pattern of Job and Pod.
        object_kind=obj.get("kind") or _BUILT_IN.get(kind.plural) or kind.plural.removesuffix("s").capitalize(),
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
            branch=text(kind.branch).removeprefix(HEADS),
            keep=any(each.get(KEEP) == "true" for each in marks),
        ),
        namespace=metadata.get("namespace", ""),
        finalizers=tuple(str(name)[:_MAX_TEXT] for name in metadata.get("finalizers") or ()),
        owners=read_owners(metadata),
    )


def list_runs(
    kinds: Iterable[RunKind], *, kube: Kube, namespace: str, task: TaskId, patterns: Sequence[TaskPattern]
) -> Iterator[AgentRun]:
    """List all runs of a task in one namespace, of all kinds and repositories.

    Raises:
        BadInputError: The API server does not serve a kind: its CRD is not installed.
    """
    for kind in kinds:
        for obj in kube.list(kind_resource(kind), namespace=namespace, labels=_task_selector(kind, task=task)):
            if run_task(obj, kind=kind, patterns=patterns) == task:
                yield parse_run(obj, kind=kind)


def _task_selector(kind: RunKind, *, task: TaskId) -> str:
    """Select as many of the task's runs as the API server can tell apart.

    A number is spelled in one way only. Any other id may differ in case, or stand for a text that no label can have.
    """
    key = label_key(kind.task)
    if not key or kind.branch:
        return _selector(kind.selector)
    if task.isdecimal() and not kind.task_prefix:
        return _selector(kind.selector | {key: str(task)})
    return ",".join(filter(None, (_selector(kind.selector), key)))


def live_runs(
    kinds: Iterable[RunKind],
    *,
    kube: Kube,
    namespace: str,
    patterns: Sequence[TaskPattern],
    unreadable: Callable[[Json, Exception], None],
    seen: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[str, AgentRun]]:
    """List the unfinished runs of all tasks in one namespace, with the task of each: one list request for each kind.

    Args:
        kinds: The kinds of runs.
        kube: The API server.
        namespace: A namespace of agents.
        patterns: The branches that are tasks.
        unreadable: Called with each object that cannot be read as a run, and the error. The other objects are still
            read.
        seen: Called with the uid of each object, whether or not it has finished.

    Raises:
        BadInputError: The API server does not serve a kind: its CRD is not installed.
    """
    for kind in kinds:
        key = label_key(kind.task)
        labels = ",".join(filter(None, (_selector(kind.selector), "" if kind.branch else key)))
        for obj in kube.list(kind_resource(kind), namespace=namespace, labels=labels):
            seen(str((obj.get("metadata") or {}).get("uid", "")))
            task = run_task(obj, kind=kind, patterns=patterns)
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
    """List all runs of the step's task, in all namespaces of agents."""
    settings = context.settings
    return tuple(
        run
        for namespace in settings.namespaces.agents
        for run in list_runs(
            settings.agents,
            kube=context.clients.kube,
            namespace=namespace,
            task=context.push.task,
            patterns=settings.tasks,
        )
    )


def decide_by_kind(
    run: AgentRun,
    *,
    repository: str,
    branch: str,
    watermark: datetime,
    head_sha: str,
    older: Collection[str] = (),
    other_heads: Collection[str] = (),
) -> RunDecision:
    """Judge a run by the policy of its kind. `decide_run` has the rules."""
    kind = run.kind
    policy = AgentPolicy(
        cancellable=kind.cancellable, exempt=kind.exempt, finished=kind.finished, restartable=kind.restartable
    )
    return decide_run(
        run.facts,
        policy=policy,
        repository=repository,
        branch=branch,
        watermark=watermark,
        head_sha=head_sha,
        older=older,
        other_heads=other_heads,
    )


def decide_by_record(record: Record, run: AgentRun) -> RunDecision:
    """Judge a run by the repository, the watermark, the heads and the older commits of a record."""
    head, push = record.head_sha, record.push
    older = {*record.older, str(push.before)} - {ZERO_SHA, head}
    if push.ends and (record.finished or not run.kind.restartable):
        # A run that began after the end, or was started again after it, works on a branch that lives again.
        older.discard(str(push.before))
    return decide_by_kind(
        run,
        repository=record.push.repository,
        branch=record.push.branch,
        watermark=record.watermark,
        head_sha=head,
        older=older,
        other_heads={str(each.push.sha) for each in record.branches},
    )
