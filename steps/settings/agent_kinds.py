"""Settings of one kind of agent run: a custom resource of any platform, a Job, or an Argo Workflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from steps.settings.types import STRICT, FieldPath, OptionalFieldPath
from steps.settings.validation import pattern_validator


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKind:
    """One kind of agent run: its resource, the paths of its fields, and how to stop it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    group: Annotated[str, Field(description="API group; empty for the core group")]
    version: Annotated[
        str,
        pattern_validator(r"v[0-9][a-z0-9]*", give="a version such as v1, without its group"),
        Field(description="API version"),
    ]
    plural: Annotated[
        str,
        pattern_validator(
            r"[a-z][a-z0-9]*", give="the resource's plural name from `kubectl api-resources`, such as coderuns"
        ),
        Field(description="resource name, as in the API path"),
    ]
    selector: Annotated[dict[str, str], Field(description="labels of every run of this kind, besides the task's")]
    task: Annotated[
        FieldPath,
        Field(description="path of the task id; a label is selected by the API server; any other path lists all runs"),
    ]
    repository: Annotated[FieldPath, Field(description="path of the repository, as a URL or owner/name")]
    agent: Annotated[FieldPath, Field(description="path of the agent's name")]
    phase: Annotated[FieldPath, Field(description="path of the phase")]
    sha: Annotated[
        OptionalFieldPath,
        Field(description="path of the commit that the run works on; empty: runs have none (CodeRuns have none)"),
    ]
    job: Annotated[
        OptionalFieldPath,
        Field(description="path of the name of the run's Job; empty: its owner reference is enough to find it"),
    ]
    finished: Annotated[tuple[str, ...], Field(description="phases of a run that has finished")]
    cancellable: Annotated[
        tuple[str, ...], Field(description='agents that may be cancelled; "*": all except the exempt')
    ]
    exempt: Annotated[
        tuple[str, ...], Field(description="agents that are never cancelled, because they write the pushes")
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

    def __post_init__(self) -> None:
        if not self.delete and not self.stop_patch:
            raise ValueError("delete is false and stop_patch is empty, so runs would never stop: set one of them")
