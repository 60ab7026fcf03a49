"""Finds senders of pushes whose own runs their pushes would stop.

Guarantees that each place that says so is found: a kind or a policy with `"*"` in `cancellable` that does not exempt a
sender. Not known: whether a run's agent has the name of a sender. So this is a warning, not an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.settings.settings_tree import Settings
    from steps.settings import RunKind

_ALL = "*"
FIX = "add it to exempt, or name the agents in cancellable"


def unexempt_senders(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each kind or policy that does not exempt a sender."""
    for place, kind in _places(settings):
        exempt = {_key(name) for name in kind.exempt}
        senders = [name for name in settings.events.senders if _key(name) not in exempt and _may_be(name, kind)]
        if _ALL in kind.cancellable and senders:
            them = "its" if len(senders) == 1 else "their"
            yield (
                f'{place}: cancellable is "*", and exempt does not name {", ".join(senders)} of events.senders: a push '
                f"stops {them} own run"
            )


def _places(settings: Settings) -> Iterator[tuple[str, RunKind]]:
    for number, kind in enumerate(settings.agents):
        yield f"agents.{number}", kind
    for number, policy in enumerate(settings.policies):
        if policy.cancellable is not None or policy.exempt is not None:
            for kind in settings.agents:
                yield f"policies.{number}", policy.kind_over(kind)


def _may_be(sender: str, kind: RunKind) -> bool:
    """Whether a run's agent may have this name. A name in quotes is that of every run of the kind."""
    return not kind.agent.startswith('"') or _key(kind.agent.strip('"')) == _key(sender)


def _key(name: str) -> str:
    """Return a name as the steps compare it: in any case, with or without the [bot] of a login."""
    return name.casefold().removesuffix("[bot]")
