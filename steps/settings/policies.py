"""Settings that differ for some repositories.

Guarantees that what a policy does not name is as in the general settings. The first policy that names a repository, or
its owner, decides alone: two policies are never mixed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import ConfigDict, Field

from steps.settings.types import STRICT, Event, OptionalLabel, OptionalTaskLabel, RepositoryName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steps.settings.agent_kinds import RunKind
    from steps.settings.github import LabelSettings


def names_repository(names: Iterable[str], repository: str) -> bool:
    """Whether a list of owner/name and owner/* has a repository. GitHub ignores the case of its names."""
    name = repository.casefold()
    known = {each.casefold() for each in names}
    return name in known or f"{name.partition('/')[0]}/*" in known


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChanges:
    """Labels that differ from the general ones; an empty text switches a label off."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    add: OptionalLabel | None = None
    remove: OptionalLabel | None = None
    skip: OptionalLabel | None = None
    task: OptionalTaskLabel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryPolicy:
    """What differs for some repositories. Repeat the table for others; the first that names a repository decides."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    repositories: Annotated[
        tuple[RepositoryName, ...],
        Field(min_length=1, examples=[["5dlabs/*"]], description="owner/name, or owner/* for all of an owner"),
    ]
    cancellable: Annotated[
        tuple[str, ...] | None, Field(description="as in [[agents]], for all kinds; not set: as there")
    ] = None
    exempt: Annotated[
        tuple[str, ...] | None, Field(description="as in [[agents]], for all kinds; not set: as there")
    ] = None
    labels: Annotated[LabelChanges | None, Field(description="a table with keys of [labels]; not set: as there")] = None
    comment: Annotated[bool | None, Field(description="write the comment; not set: as comment.enabled")] = None
    react_to: Annotated[
        tuple[Event, ...] | None, Field(description="events that count; not set: as events.react_to")
    ] = None

    def labels_over(self, general: LabelSettings) -> LabelSettings:
        """Return the labels for these repositories."""
        changed = self.labels or LabelChanges()
        return replace(
            general,
            add=general.add if changed.add is None else changed.add,
            remove=general.remove if changed.remove is None else changed.remove,
            skip=general.skip if changed.skip is None else changed.skip,
            task=general.task if changed.task is None else changed.task,
        )

    def kind_over(self, general: RunKind) -> RunKind:
        """Return a kind of run for these repositories."""
        return replace(
            general,
            cancellable=general.cancellable if self.cancellable is None else self.cancellable,
            exempt=general.exempt if self.exempt is None else self.exempt,
        )
