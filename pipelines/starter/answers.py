"""The answers that a settings file is written from: given by options, found in the cluster, or asked.

Guarantees that a given answer wins over the cluster, the cluster wins over a default, and that all answers which are
missing are named together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

from pipelines.settings import default_values
from pipelines.starter.kinds import DEFAULT_KIND, SUGGESTED, known_kinds, open_keys
from steps.core import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.starter.cluster_facts import ClusterFacts, EventSource

    Ask = Callable[[str, str], str]

_PACKAGE = "agent-cancellation"
_TASK, _BRANCH = "task", "branch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the user wants; empty where nothing was said.

    Attributes:
        branch: Pattern of a task's branch; empty for the default.
        examples: Branches that the pattern matches.
        paths: Paths of fields that the kind's preset cannot know, by their keys in `[[agents]]`.
        event_source: The EventSource to use instead of one of its own.
        own_source: Name of the EventSource to render; empty for the default.
        event_bus: Name of the EventBus; empty for the default.
    """

    repositories: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    image: str = ""
    workflows: str = ""
    agents: tuple[str, ...] = ()
    events: str = ""
    branch: str = ""
    examples: tuple[str, ...] = ()
    kind: str = ""
    cancellable: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    paths: tuple[tuple[str, str], ...] = ()
    event_source: EventSource | None = None
    own_source: str = ""
    event_bus: str = ""


def complete(given: Answers, *, facts: ClusterFacts, ask: Ask | None) -> Answers:
    """Complete the given answers.

    Args:
        given: What the options say.
        facts: What the cluster has.
        ask: Asks a person a question with a suggestion; None if nobody can be asked.

    Raises:
        BadInputError: An answer is missing, and nobody can be asked; or the kind is not known.
    """
    values = default_values()
    defaults, default_source = values["namespaces"], values["events"]["event_source"]
    source = facts.sources[0] if len(facts.sources) == 1 and given.events in {"", facts.sources[0].namespace} else None
    kind, kinds = given.kind or _kind(facts), ", ".join(known_kinds())
    if ask and not given.kind:
        kind = ask(f"Kind of the agent runs: {kinds}", kind)
    if kind not in known_kinds():
        raise BadInputError(f"--kind: give one of {kinds}")
    suggested = replace(
        given,
        repositories=given.repositories or (source.repositories if source else ()),
        kind=kind,
        workflows=given.workflows or defaults["workflows"],
        agents=given.agents or facts.runs.get(kind, ()) or (defaults["agents"],),
        events=given.events or (source.namespace if source else _only(tuple(facts.buses))) or defaults["events"],
        event_source=source,
    )
    answers = _asked(suggested, given=given, ask=ask) if ask else suggested
    needed: dict[str, object] = {
        "--repository": answers.repositories,
        "--sender": answers.senders,
        "--image": answers.image,
    }
    needed |= {"--example": answers.examples} if answers.branch else {}
    paths = dict(answers.paths)
    if _BRANCH in paths:
        paths = {_TASK: ""} | paths
    needed |= {_field_option(key): key in paths for key in open_keys(kind)}
    if missing := [option for option, answer in needed.items() if not answer]:
        raise BadInputError(f"{', '.join(missing)}: missing: give them, or run init in a terminal, where it asks")
    source = source if source and answers.events == source.namespace else None
    return replace(
        answers,
        paths=tuple(paths.items()),
        cancellable=answers.cancellable or ("*",),
        # A bot's login is the agent's name and `[bot]`.
        exempt=answers.exempt or tuple(login.removesuffix("[bot]") for login in answers.senders),
        event_source=source,
        # Applied, one of the default name would replace another's.
        own_source=_PACKAGE if not source and (answers.events, default_source) in facts.taken else "",
        event_bus=source.bus if source else _only(facts.buses.get(answers.events, ())),
    )


def notes_on(answers: Answers, *, facts: ClusterFacts) -> Iterator[str]:
    """Say what the answers need and the cluster lacks, if that is known.

    The next steps create the namespace of the Workflows, so it is not named.
    """
    needed = dict.fromkeys((*answers.agents, answers.events)) if facts.namespaces else {}
    if absent := [each for each in needed if each not in facts.namespaces and each != answers.workflows]:
        yield f"the cluster has no namespace {', '.join(absent)}: create it before you apply"
    if facts.buses and answers.events not in facts.buses:
        known = ", ".join(sorted(facts.buses))
        yield f"{answers.events} has no EventBus: create one there, or choose a namespace that has one ({known})"


def _field_option(key: str) -> str:
    """Name the option for a path. A run without an id of a task belongs to the task of its branch."""
    return f"--field {key}=PATH" + (f" or {_BRANCH}=PATH" if key == _TASK else "")


def _asked(suggested: Answers, *, given: Answers, ask: Ask) -> Answers:
    """Ask for what the options leave open."""

    def one(known: str, question: str, suggestion: str) -> str:
        return known or ask(question, suggestion)

    def several(known: tuple[str, ...], question: str, suggestion: tuple[str, ...] = ()) -> tuple[str, ...]:
        return known or tuple(ask(f"{question}, separated by commas", ",".join(suggestion)).replace(",", " ").split())

    known = dict(given.paths)
    for key in open_keys(suggested.kind):
        if key == _TASK and _BRANCH in known:
            continue
        known[key] = known[key] if key in known else ask(f"Path of the {key} in a run", SUGGESTED.get(key, ""))
    version = metadata.version(_PACKAGE)
    return replace(
        suggested,
        paths=tuple(known.items()),
        repositories=several(given.repositories, "Repositories as owner/name", suggested.repositories),
        senders=several(given.senders, "Logins whose pushes make agents stale, such as my-coder[bot]"),
        agents=several(given.agents, "Namespaces of the agents", suggested.agents),
        events=one(given.events, "Namespace of the EventSource and the Sensor", suggested.events),
        workflows=one(given.workflows, "Namespace of this project's Workflows", suggested.workflows),
        image=one(given.image, "Name and tag of the steps' image", f"registry.example.com/{_PACKAGE}:{version}"),
    )


def _kind(facts: ClusterFacts) -> str:
    """Choose the only kind that has runs, or the only one that is served."""
    return (
        _only(tuple(kind for kind, spaces in facts.runs.items() if spaces)) or _only(tuple(facts.runs)) or DEFAULT_KIND
    )


def _only(names: tuple[str, ...]) -> str:
    """Return the only name; empty if there is none or a choice."""
    return names[0] if len(names) == 1 else ""
