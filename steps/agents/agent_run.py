"""One agent run, as it was read from its object.

Guarantees that a field which the object does not have is an empty text, and that no text is longer than the record can
take. Decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.agents.owned_object import MAX_TEXT, NO_FINALIZERS, Finalizers, OwnedObject, OwnerReference, read_owners
from steps.core import KEEP, parse_repository, parse_time
from steps.domain import HEADS, Agent, RunFacts, RunOutcome, find_task, namespaced_name, task_id
from steps.kube import ObjectReference, Resource, read_field, read_state

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from steps.domain import TaskId
    from steps.kube import Json
    from steps.settings import RunKind, TaskPattern

# Kinds of built-in resources whose items have no `kind` in a list, and whose names are not that of the resource.
_BUILT_IN = {"replicasets": "ReplicaSet", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}


def kind_resource(kind: RunKind) -> Resource:
    """Return the API resource of a kind."""
    return Resource(group=kind.group, version=kind.version, plural=kind.plural)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRun:
    """An agent run as it was read.

    Attributes:
        object_kind: The kind in its manifest, such as CodeRun.
        namespace: Its namespace.
        job: Name of its Job; empty if the run does not name it.
        owners: Its owner references.
        parts: Uids of the Jobs and pods that it manages and that look like runs themselves.
    """

    kind: RunKind
    object_kind: str
    name: str
    uid: str
    resource_version: str
    job: str
    facts: RunFacts
    namespace: str = ""
    finalizers: Finalizers = NO_FINALIZERS
    owners: tuple[OwnerReference, ...] = ()
    parts: frozenset[str] = frozenset()

    @property
    def ended(self) -> bool:
        """Whether its phase is one of the finished phases of its kind."""
        return self.facts.phase in self.kind.finished

    @property
    def being_removed(self) -> bool:
        """Whether it was deleted, and no finalizer of another controller keeps its object."""
        return self.facts.deleting and not self.finalizers.are_foreign

    @property
    def finalizer_note(self) -> str:
        """The end of a sentence that names the finalizers of a deleted run; empty if there are none."""
        return f"; its finalizers are {self.finalizers}" if self.facts.deleting and self.finalizers.names else ""

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


def parse_run(obj: Json, *, kind: RunKind, hosts: Collection[str]) -> AgentRun:
    """Read the fields that the decisions need. A field that the object does not have is empty.

    Args:
        obj: The object.
        kind: Its kind.
        hosts: The hosts of GitHub. A repository on another host is not on GitHub.
    """
    metadata = obj["metadata"]
    marks = (metadata.get("labels") or {}, metadata.get("annotations") or {})

    def text(path: str) -> str:
        return read_field(obj, path)[:MAX_TEXT]

    repository = parse_repository(text(kind.repository))
    on_github = repository.is_on(hosts)
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
            repository=repository.name if on_github else "",
            elsewhere=not on_github,
            agent=text(kind.agent),
            phase=read_state(obj, kind.phase)[:MAX_TEXT],
            sha=text(kind.sha),
            branch=text(kind.branch).removeprefix(HEADS),
            keep=any(str(each.get(KEEP)).strip() == "true" for each in marks),
        ),
        namespace=metadata.get("namespace", ""),
        finalizers=Finalizers.of(metadata),
        owners=read_owners(metadata),
    )
