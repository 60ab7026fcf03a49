"""The events that the Sensor listens for: their filters, and the parameters of the Workflow from their fields.

Guarantees, by anchored filters on signed fields, that only events of the configured repositories and branches pass, and
that a Workflow gets only checked values. A push counts only if one of the configured senders sent it. The end of a
branch counts whoever caused it. A pull request from a fork never counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pipelines.manifests.task_id import ref_pattern
from pipelines.names import COMMAND, TEMPLATE
from steps.domain import (
    CLOSED_REASON,
    COMMAND_PARAMETERS,
    DELETED_REASON,
    HEADS,
    OPENED_REASON,
    PARAMETERS,
    ZERO_SHA,
    CommandKind,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pipelines.settings import Settings
    from steps.domain import Parameter

_COMMANDS = {parameter.name: parameter.pattern for parameter in COMMAND_PARAMETERS}
_PATTERNS = {parameter.name: parameter.pattern for parameter in PARAMETERS}
_DELIVERY = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Ten digits, as the parameter says.
_PUSHED_AT = 10**9, 10**10 - 1
_REPOSITORY = r"[A-Za-z0-9._-]{1,100}"
# The times of a pull request and of a comment are text, unlike those of a push.
_UNIX_TIME = '{{{{ .Input.body.{key} | toDate "2006-01-02T15:04:05Z07:00" | unixEpoch }}}}'
_TIME = r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorEvent:
    """One kind of event.

    Attributes:
        name: The name of the Sensor's dependency: as in `events.react_to`, or a command's own.
        filters: Filters on the event's fields.
        exprs: Filters on numbers.
        ref: Go's expression for the ref; empty if the event names no branch.
        keys: The field of each further parameter.
        templates: The Go template of each further parameter.
        constants: The value of each further parameter.
        prioritised: Whether the Workflow's priority is the time of the event. It must be a number in the event.
        template: The Workflow's template.
        parameters: The template's parameters.
        prefix: The prefix of the Workflow's name.
    """

    name: str
    filters: tuple[dict[str, Any], ...]
    exprs: tuple[dict[str, Any], ...]
    ref: str
    keys: Mapping[str, str]
    templates: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    prioritised: bool = False
    template: str = TEMPLATE
    parameters: Sequence[Parameter] = PARAMETERS
    prefix: str = "cancel-"


def sensor_events(settings: Settings) -> Iterator[SensorEvent]:
    """Build the events of the settings."""
    made: dict[str, tuple[Callable[[Settings], SensorEvent], ...]] = {
        "push": (_push,),
        "closed": (_closed,),
        "deleted": (_deleted,),
        "opened": (_opened,),
        "commands": tuple(partial(_command, kind=kind) for kind in CommandKind),
    }
    return (build(settings) for name, builds in made.items() if name in settings.events.react_to for build in builds)


def _push(settings: Settings) -> SensorEvent:
    senders = settings.events.senders
    return SensorEvent(
        name="push",
        filters=(
            *_push_filters(settings, deleted=False),
            _names("body.sender.login", senders),
            _text("body.sender.type", "Bot" if all(login.endswith("[bot]") for login in senders) else "Bot|User"),
            _text("body.after", _PATTERNS["sha"]),
        ),
        exprs=tuple(_between(_PUSH_TIME, *_PUSHED_AT, name="pushed_at")),
        ref=".Input.body.ref",
        keys={"ref": "body.ref", "before": "body.before", "sha": "body.after", "pushed-at": _PUSH_TIME},
        constants=_constants("push"),
        prioritised=True,
    )


def _deleted(settings: Settings) -> SensorEvent:
    return SensorEvent(
        name="deleted",
        filters=(
            *_push_filters(settings, deleted=True),
            _text("body.sender.login", _PATTERNS["requested-by"]),
            _text("body.after", ZERO_SHA),
            # Without its last commit, the end of a branch cannot be ordered.
            _text("body.before", "[0-9a-f]*[1-9a-f][0-9a-f]*"),
        ),
        exprs=tuple(_between(_PUSH_TIME, *_PUSHED_AT, name="pushed_at")),
        ref=".Input.body.ref",
        keys={"ref": "body.ref", "before": "body.before", "pushed-at": _PUSH_TIME},
        constants=_constants(DELETED_REASON) | {"sha": ZERO_SHA},
        prioritised=True,
    )


def _closed(settings: Settings) -> SensorEvent:
    return SensorEvent(
        name="closed",
        filters=_pull_request_filters(settings, actions="closed", time="closed_at"),
        exprs=(_own_branch(),),
        ref=_HEAD_REF,
        keys={"before": "body.pull_request.head.sha"},
        templates={"ref": f"{{{{ {_HEAD_REF} }}}}", "pushed-at": _UNIX_TIME.format(key="pull_request.closed_at")},
        constants=_constants(CLOSED_REASON) | {"sha": ZERO_SHA},
    )


def _opened(settings: Settings) -> SensorEvent:
    return SensorEvent(
        name="opened",
        filters=_pull_request_filters(settings, actions="opened|reopened", time="updated_at"),
        exprs=(_own_branch(),),
        ref=_HEAD_REF,
        keys={"sha": "body.pull_request.head.sha"},
        templates={"ref": f"{{{{ {_HEAD_REF} }}}}", "pushed-at": _UNIX_TIME.format(key="pull_request.updated_at")},
        constants=_constants(OPENED_REASON) | {"before": ZERO_SHA},
    )


def _command(settings: Settings, *, kind: CommandKind) -> SensorEvent:
    return SensorEvent(
        name=f"{kind}-command",
        filters=(
            *_common_filters(settings, event="issue_comment"),
            _text("body.action", "created"),
            # An issue has none.
            _text("body.issue.pull_request.url", r"https?://[^\s]{1,400}/pulls/[1-9][0-9]{0,9}"),
            _text("body.issue.state", "open"),
            _text("body.comment.body", rf"\s*/{kind}-agents\s*"),
            _text("body.comment.user.type", "User"),
            _text("body.comment.created_at", _TIME),
            _text("body.sender.type", "User"),
            _text("body.sender.login", _COMMANDS["requested-by"]),
        ),
        exprs=(
            _equal({"author": "body.comment.user.id", "sender": "body.sender.id"}),
            *_between("body.issue.number", 1, 10**9, name="number"),
        ),
        ref="",
        keys={"pull-request": "body.issue.number"},
        templates={"commented-at": _UNIX_TIME.format(key="comment.created_at")},
        constants={"command": kind},
        template=COMMAND,
        parameters=COMMAND_PARAMETERS,
        prefix="command-",
    )


def _constants(reason: str) -> dict[str, str]:
    return {"reason": reason, "dry-run": "false"}


_PUSH_TIME = "body.repository.pushed_at"
_HEAD_REF = f'printf "{HEADS}%s" .Input.body.pull_request.head.ref'


def _push_filters(settings: Settings, *, deleted: bool) -> tuple[dict[str, Any], ...]:
    return (
        *_common_filters(settings, event="push"),
        _text("body.ref", *map(ref_pattern, settings.tasks)),
        # A pattern may match more than that, and Argo would evaluate an expression in a ref.
        _text("body.ref", _PATTERNS["ref"]),
        _text("body.before", _PATTERNS["before"]),
        {"path": "body.deleted", "type": "bool", "value": [str(deleted).lower()]},
    )


def _pull_request_filters(settings: Settings, *, actions: str, time: str) -> tuple[dict[str, Any], ...]:
    head = "body.pull_request.head"
    return (
        *_common_filters(settings, event="pull_request"),
        _text("body.action", actions),
        _text(f"{head}.ref", *(pattern.branch for pattern in settings.tasks)),
        _text(f"{head}.ref", _PATTERNS["ref"].removeprefix(HEADS)),
        _text(f"{head}.sha", _PATTERNS["sha"]),
        _text(f"body.pull_request.{time}", _TIME),
        _text("body.sender.login", _PATTERNS["requested-by"]),
    )


def _common_filters(settings: Settings, *, event: str) -> tuple[dict[str, Any], ...]:
    return (
        _text("headers.X-Github-Event.0", event),
        _text("body.X-GitHub-Delivery", _DELIVERY),
        _names("body.repository.full_name", settings.events.repositories),
    )


def _text(path: str, *patterns: str) -> dict[str, Any]:
    """Build a filter on text, with alternative patterns; anchored, so that it does not match inside another value."""
    return {"path": path, "type": "string", "value": [f"^(?:{pattern})$" for pattern in patterns]}


def _names(path: str, names: Iterable[str]) -> dict[str, Any]:
    """Build a filter on GitHub's names. GitHub ignores their case, and settings may spell them differently."""
    return {"path": path, "type": "string", "value": [f"^(?i:{_name(name)})$" for name in names]}


def _name(name: str) -> str:
    """Build the pattern of a name, or of all repositories of an owner."""
    return _literal(name[:-1]) + _REPOSITORY if name.endswith("/*") else _literal(name)


def _literal(text: str) -> str:
    """Build a pattern that matches exactly this text; a bare hyphen is valid in Go and easier to read."""
    return re.escape(text).replace("\\-", "-")


def _own_branch() -> dict[str, Any]:
    """Build the filter that drops pull requests from forks."""
    return _equal({"head": "body.pull_request.head.repo.id", "base": "body.repository.id"})


def _equal(fields: Mapping[str, str]) -> dict[str, Any]:
    """Build a filter on two fields that must be equal, by their names in the expression."""
    return {
        "expr": " == ".join(fields),
        "fields": [{"name": name, "path": path} for name, path in fields.items()],
    }


def _between(path: str, least: int, most: int, *, name: str) -> Iterator[dict[str, Any]]:
    """Build filters that drop text, too: a filter on data reads a number from text, an expression does not."""
    for bound in (f">= {least}", f"<= {most}"):
        yield {"expr": f"{name} {bound}", "fields": [{"name": name, "path": path}]}
