"""Settings of one kind of agent run: a custom resource of any platform, a Job, or an Argo Workflow.

Guarantees that no object can be a run of two kinds. Not guaranteed: that a run of one kind does not own a run of
another.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from steps.settings.field_paths import FieldPath, OptionalFieldPath, PathOrLogin, PathOrRepository
from steps.settings.pod_selector import PodSelector, Selector
from steps.settings.types import STRICT
from steps.settings.validation import pattern_validator

if TYPE_CHECKING:
    from collections.abc import Sequence

_OWNED = r"(?!v1/pods$)([a-z0-9.-]+/)?v[0-9][a-z0-9]*/[a-z]([a-z0-9-]*[a-z0-9])?"
_OWNED_GIVE = (
    "a resource as group/version/plural, such as apps/v1/replicasets (as version/plural in the core group), but not "
    "v1/pods, which are always followed"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedKind:
    """A resource between a run and its pods."""

    group: str
    version: str
    plural: str


_JOBS = OwnedKind(group="batch", version="v1", plural="jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKind:
    """One kind of agent run: its resource, the paths of its fields, and how to stop it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    group: Annotated[
        str,
        pattern_validator(
            r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?",
            give="an API group without its version, such as agents.platform, or nothing",
        ),
        Field(description="API group; empty for the core group"),
    ]
    version: Annotated[
        str,
        pattern_validator(r"v[0-9][a-z0-9]*", give="a version such as v1, without its group"),
        Field(description="API version"),
    ]
    plural: Annotated[
        str,
        pattern_validator(
            r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
            give="the resource's plural name from `kubectl api-resources`, such as coderuns",
        ),
        Field(description="resource name, as in the API path"),
    ]
    selector: Annotated[Selector, Field(description="labels of every run of this kind, besides the task's")]
    task: Annotated[
        OptionalFieldPath,
        Field(
            description="path of the task id; a label selects the runs that have it; empty: runs have none, and belong "
            "to the task of their branch"
        ),
    ]
    task_prefix: Annotated[
        str,
        Field(description="text before the run's task id, as in `prefix` of the runs' branches in [[tasks]]"),
    ] = ""
    branch: Annotated[
        OptionalFieldPath,
        Field(
            description="path of the branch that the run works on; it decides the task if the run has no id, and the "
            "run is kept if the push is to another branch; empty: runs have none"
        ),
    ] = ""
    repository: Annotated[
        PathOrRepository,
        Field(
            description="path of the repository, as a URL or owner/name; or, if all runs have the same, owner/name in "
            "double quotes"
        ),
    ]
    agent: Annotated[
        PathOrLogin,
        Field(description="path of the agent's name; or, if all runs have the same, the name in double quotes"),
    ]
    phase: Annotated[
        FieldPath,
        Field(
            description="path of the phase; if it is a field of spec, such as spec.replicas, a stopped run can be "
            "started again, so its commit alone says whether it is stale"
        ),
    ]
    sha: Annotated[
        OptionalFieldPath,
        Field(description="path of the commit that the run works on; empty: runs have none (CodeRuns have none)"),
    ]
    job: Annotated[
        OptionalFieldPath,
        Field(description="path of the name of the run's Job; empty: its owner reference is enough to find it"),
    ]
    owns: Annotated[
        tuple[Annotated[str, pattern_validator(_OWNED, give=_OWNED_GIVE)], ...],
        Field(
            description="resources between a run and its pods, as group/version/plural; owner references are followed "
            "through them, in both directions; pods themselves need no entry"
        ),
    ]
    pod_selector: Annotated[
        PodSelector,
        Field(
            description="labels of a run's pods, with {name} or {uid} of the run, if owner references do not lead to "
            'them, such as { "tekton.dev/pipelineRun" = "{name}" }'
        ),
    ]
    finished: Annotated[
        tuple[str, ...],
        Field(description='phases of a run that has finished; "true" or "false" if the phase is a boolean'),
    ]
    cancellable: Annotated[
        tuple[str, ...],
        Field(
            description="agents that may be cancelled, in any case, with or without the [bot], @ or app/ of a login; "
            '"*": all except the exempt'
        ),
    ]
    exempt: Annotated[
        tuple[str, ...],
        Field(
            description="agents that are never cancelled, because they write the pushes; compared as in `cancellable`"
        ),
    ]
    stop_patch: Annotated[
        dict[str, Any],
        Field(
            description="merge patch that asks a run to stop before it is deleted; empty: delete at once (CodeRuns "
            "have no field for this)"
        ),
    ]
    delete: Annotated[
        bool,
        Field(description="delete runs that have not stopped; false: never delete, wait until they end by themselves"),
    ]

    @property
    def owned_resources(self) -> tuple[OwnedKind, ...]:
        """What runs of this kind own, besides pods. A kind that names its Jobs has Jobs."""
        found: dict[OwnedKind, None] = {}
        for path in self.owns:
            group, version, plural = ("", *path.split("/"))[-3:]
            found[OwnedKind(group=group, version=version, plural=plural)] = None
        return tuple(found | ({_JOBS: None} if self.job else {}))

    @property
    def restartable(self) -> bool:
        """Whether a run can be started again: its phase is what somebody wants, and its age says nothing."""
        return self.phase.startswith("spec.")

    def __post_init__(self) -> None:
        if not self.task and not self.branch:
            raise ValueError("task and branch are empty, so no run would belong to a task: set one of them")
        if not self.delete and not self.stop_patch:
            raise ValueError("delete is false and stop_patch is empty, so runs would never stop: set one of them")
        if self.restartable and not self.sha:
            raise ValueError(
                "phase is a field of spec, so a run can be started again, and its age does not say whether it is "
                "stale: give in sha the path of the commit that it works on"
            )


def find_doubly_claimed(kinds: Sequence[RunKind]) -> str:
    """Say which two kinds could claim one object, or one pod by its labels; an empty text if none do."""
    for (number, one), (other_number, other) in itertools.combinations(enumerate(kinds), 2):
        if one.plural != other.plural:
            continue
        both = f"agents.{number} and agents.{other_number}"
        if one.group == other.group:
            apart = any(other.selector.get(key, value) != value for key, value in one.selector.items())
            if not apart:
                return (
                    f"{both} claim the same {one.plural}: give both in selector the same label with different "
                    "values, or remove one"
                )
        elif one.pod_selector or other.pod_selector:
            # The record names a run's kind by its plural alone.
            return f"{both} are both {one.plural} and one of them has a pod_selector: give owns instead of pod_selector"
    return ""
