"""What the cluster already has that an installation needs: namespaces, agent runs, the EventBus, GitHub's EventSource.

Guarantees that it only reads, and that a read which is refused or fails leaves a note and stops nothing: `init` also
works without a cluster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipelines.doctor import ClusterResource
from pipelines.names import APP
from pipelines.starter.kinds import telling_kinds
from steps.core import ForbiddenError, NotFoundError, NotServedError, StepError
from steps.settings import REPOSITORY_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.kube import Json, Kube

_NAMESPACES = ClusterResource(group="", version="v1", plural="namespaces")
_BUSES = ClusterResource(group="argoproj.io", version="v1alpha1", plural="eventbus")
_SOURCES = ClusterResource(group="argoproj.io", version="v1alpha1", plural="eventsources")
# As for the settings' own names.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Enough to see where runs are; a busy cluster has thousands.
_LOOKED_AT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """One event of an EventSource that receives GitHub's webhooks."""

    namespace: str
    name: str
    event: str
    webhook_secret: str
    repositories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What was found.

    Attributes:
        runs: Namespaces with runs of each kind of agents that the API server serves.
        bus_namespaces: Namespaces with an EventBus.
        sources: Events of EventSources for GitHub that this project did not render.
        notes: What could not be read, and what is missing, in sentences.
    """

    namespaces: tuple[str, ...] = ()
    runs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bus_namespaces: tuple[str, ...] = ()
    sources: tuple[EventSource, ...] = ()
    notes: tuple[str, ...] = ()


def read_cluster(kube: Kube, *, kind: str = "") -> ClusterFacts:
    """Look at the cluster.

    Args:
        kube: The API server.
        kind: The kind of agents that the user has chosen; empty if the cluster may suggest one.
    """
    notes: list[str] = []

    def found(resource: ClusterResource, what: str, *, absent: bool = True) -> list[Json] | None:
        """List some objects; None if the API server does not serve the kind, or it cannot be read."""
        try:
            return list(islice(kube.list(resource, namespace="", page=_LOOKED_AT), _LOOKED_AT))
        except (NotFoundError, NotServedError):
            if absent:
                notes.append(f"the cluster has no {what}")
        except ForbiddenError:
            notes.append(f"you may not list {what} in all namespaces, so they were not looked for")
        except StepError as error:
            notes.append(f"{what} could not be read: {error}")
        return None

    namespaces = found(_NAMESPACES, "namespaces")
    runs = {}
    for name, keys in telling_kinds().items():
        resource = ClusterResource(group=keys["group"], version=keys["version"], plural=keys["plural"])
        objects = found(resource, f"{keys['plural']}.{keys['group']}", absent=False)
        if objects is not None:
            runs[name] = _namespaces(objects)
            notes += _notes_on_runs(keys["plural"], objects)
    with_runs = [name for name, spaces in runs.items() if spaces]
    if not kind and (len(with_runs) > 1 or (not with_runs and len(runs) > 1)):
        notes.append(f"the cluster has several kinds of agents, {', '.join(with_runs or runs)}: choose by --kind")
    buses, sources = found(_BUSES, "EventBus"), found(_SOURCES, "EventSources")
    if buses == []:
        notes.append("there is no EventBus: Argo Events needs one named default in the events' namespace")
    return ClusterFacts(
        namespaces=tuple(each["metadata"]["name"] for each in namespaces or ()),
        runs=runs,
        bus_namespaces=_namespaces(buses or []),
        sources=tuple(source for each in sources or () for source in _github_events(each)),
        notes=tuple(notes),
    )


def _notes_on_runs(plural: str, objects: list[Json]) -> Iterator[str]:
    """Say what a suggestion from these runs leaves open."""
    if len(spaces := _namespaces(objects)) > 1:
        yield (
            f"{plural} are in several namespaces, {', '.join(spaces)}: each gets its own Roles, and state documents "
            f"are looked for in {spaces[0]} unless namespaces.state names another"
        )
    if len(objects) == _LOOKED_AT:
        yield f"only the first {_LOOKED_AT} {plural} were looked at: other namespaces may have more"


def _namespaces(objects: list[Json]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each["metadata"]["namespace"] for each in objects))


def _github_events(source: Json) -> Iterator[EventSource]:
    """List the GitHub events of an EventSource, unless this project rendered it. Others' objects may have any shape."""
    metadata = source["metadata"]
    labels = metadata.get("labels") or {}
    spec = source.get("spec")
    events = spec.get("github") if isinstance(spec, dict) else None
    if APP.items() <= labels.items() or not isinstance(events, dict):
        return
    for event, settings in events.items():
        # A name that no setting can have is not suggested.
        if isinstance(settings, dict) and all(map(_NAME.fullmatch, (metadata["name"], event))):
            secret = settings.get("webhookSecret")
            name = str(secret.get("name")) if isinstance(secret, dict) else ""
            yield EventSource(
                namespace=metadata["namespace"],
                name=metadata["name"],
                event=event,
                webhook_secret=name if _NAME.fullmatch(name) else "",
                repositories=tuple(_repositories(settings)),
            )


def _repositories(settings: Json) -> Iterator[str]:
    """List the repositories of an event, and the organizations whose webhook it receives as owner/*."""
    for owner in _listed(settings, "organizations"):
        if isinstance(owner, str) and re.fullmatch(REPOSITORY_PATTERN, f"{owner}/any"):
            yield f"{owner}/*"
    for each in _listed(settings, "repositories"):
        found = (f"{each.get('owner')}/{name}" for name in _listed(each, "names")) if isinstance(each, dict) else ()
        yield from (path for path in found if re.fullmatch(REPOSITORY_PATTERN, path))


def _listed(values: Json, key: str) -> list[Any]:
    found = values.get(key)
    return found if isinstance(found, list) else []
