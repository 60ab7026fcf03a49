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
from pipelines.names import APP, DEFAULT_BUS
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
    bus: str
    webhook_secret: str
    repositories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What was found.

    Attributes:
        namespaces: All namespaces; empty if they are not known.
        runs: Namespaces with runs of each kind of agents that the API server serves.
        buses: Names of the EventBuses in each namespace that has one.
        sources: Events of EventSources for GitHub that this project did not render.
        taken: Namespaces and names of all EventSources that this project did not render.
        notes: What could not be read, and what is missing, in sentences.
    """

    namespaces: tuple[str, ...] = ()
    runs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sources: tuple[EventSource, ...] = ()
    taken: frozenset[tuple[str, str]] = frozenset()
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

    namespaces = found(_NAMESPACES, "namespaces") or []
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
    buses = found(_BUSES, "EventBus")
    if buses == []:
        notes.append("there is no EventBus: Argo Events needs one named default in the events' namespace")
    others = [each for each in found(_SOURCES, "EventSources") or () if not _is_own(each)]
    sources = tuple(source for each in others for source in _github_events(each))
    notes += _notes_on_sources(sources)
    return ClusterFacts(
        namespaces=tuple(each["metadata"]["name"] for each in namespaces) if len(namespaces) < _LOOKED_AT else (),
        runs=runs,
        buses={space: tuple(_names(buses or [], namespace=space)) for space in _namespaces(buses or [])},
        sources=sources,
        taken=frozenset((each["metadata"]["namespace"], each["metadata"]["name"]) for each in others),
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


def _notes_on_sources(sources: tuple[EventSource, ...]) -> Iterator[str]:
    """Say that several events are no suggestion."""
    if len(sources) > 1:
        named = ", ".join(f"{each.namespace}/{each.name}/{each.event}" for each in sources)
        yield (
            f"several events of EventSources receive GitHub's webhooks, {named}: a further EventSource is written; to "
            "use one of them, set events.event_source, event_name and render_event_source = false"
        )


def _namespaces(objects: list[Json]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each["metadata"]["namespace"] for each in objects))


def _names(objects: list[Json], *, namespace: str) -> Iterator[str]:
    """List the names that a setting can have."""
    found = (each["metadata"] for each in objects)
    yield from (each["name"] for each in found if each["namespace"] == namespace and _NAME.fullmatch(each["name"]))


def _is_own(source: Json) -> bool:
    """Whether this project rendered an EventSource."""
    return APP.items() <= (source["metadata"].get("labels") or {}).items()


def _github_events(source: Json) -> Iterator[EventSource]:
    """List the GitHub events of an EventSource. Others' objects may have any shape."""
    metadata = source["metadata"]
    spec = source.get("spec")
    events = spec.get("github") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(events, dict):
        return
    bus = spec.get("eventBusName")
    for event, settings in events.items():
        # A name that no setting can have is not suggested.
        if isinstance(settings, dict) and all(map(_NAME.fullmatch, (metadata["name"], event))):
            secret = settings.get("webhookSecret")
            name = str(secret.get("name")) if isinstance(secret, dict) else ""
            yield EventSource(
                namespace=metadata["namespace"],
                name=metadata["name"],
                event=event,
                bus=bus if isinstance(bus, str) and _NAME.fullmatch(bus) else DEFAULT_BUS,
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
