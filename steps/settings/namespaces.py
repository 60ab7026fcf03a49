"""Settings of the namespaces: where the Workflows, the agents, their state documents and the Sensor are.

Guarantees that no namespace of agents is listed twice. Not guaranteed: that the namespaces exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field

from steps.settings.types import STRICT, Name, OptionalName

# A pass of reconcile lists each kind in each of them, within half a minute.
MAX_NAMESPACES = 50


def _as_list(value: object) -> object:
    """Read one name as a list of one."""
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces:
    """The namespaces."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    workflows: Annotated[Name, Field(description="Workflows, Leases and records; a namespace of its own")]
    agents: Annotated[
        tuple[Name, ...],
        BeforeValidator(_as_list),
        Field(
            min_length=1,
            max_length=MAX_NAMESPACES,
            description="agent runs, their Jobs and pods; one name, or a list of names",
        ),
    ]
    state: Annotated[
        OptionalName,
        Field(description="the task state ConfigMaps; empty: the first namespace of `agents`"),
    ]
    events: Annotated[Name, Field(description="the EventSource and the Sensor")]

    def __post_init__(self) -> None:
        if len(set(self.agents)) != len(self.agents):
            raise ValueError("agents has a namespace twice: remove one of them")

    @property
    def documents(self) -> str:
        """The namespace of the state documents."""
        return self.state or self.agents[0]
