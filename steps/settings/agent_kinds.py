"""One kind of agent run, as data: a custom resource of any platform, a Job, an Argo Workflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from steps.settings.types import STRICT, FieldPath, OptionalFieldPath
from steps.settings.validation import pattern_validator


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKind:
    """One kind of agent run, as data: what it is called, where its fields are, how it is stopped."""

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
            r"[a-z][a-z0-9]*", give="the resource's name as `kubectl api-resources` has it, such as coderuns"
        ),
        Field(description="resource name, as in the API path"),
    ]
    selector: Annotated[dict[str, str], Field(description="labels that every such run has, besides the task")]
    task: Annotated[FieldPath, Field(description="where the task id is; a label is selected by the API server")]
    repository: Annotated[FieldPath, Field(description="where the repository is, as URL or owner/name")]
    agent: Annotated[FieldPath, Field(description="where the agent's name is")]
    phase: Annotated[FieldPath, Field(description="where the phase is")]
    sha: Annotated[
        OptionalFieldPath, Field(description="where the commit is that the run works on; empty if runs do not say")
    ]
    job: Annotated[
        OptionalFieldPath, Field(description="where the name of the run's Job is; empty if owner references are enough")
    ]
    finished: Annotated[tuple[str, ...], Field(description="phases that need no cancellation")]
    cancellable: Annotated[
        tuple[str, ...], Field(description='agents that may be cancelled; "*" for all but the exempt')
    ]
    exempt: Annotated[tuple[str, ...], Field(description="agents that never are: they wrote the push")]
    stop_patch: Annotated[
        dict[str, Any],
        Field(description="merge patch that asks a run to stop, before it is deleted; empty: delete at once"),
    ]
    delete: Annotated[
        bool, Field(description="delete what was not asked to stop, or has not stopped; false: it has to end by itself")
    ]

    def __post_init__(self) -> None:
        if not self.delete and not self.stop_patch:
            raise ValueError("delete is false and stop_patch is empty: nothing would stop such a run")
