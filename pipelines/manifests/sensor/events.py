"""The events that the Sensor listens for: their filters, and the parameters of the Workflow from their fields.

Guarantees, by anchored filters on signed fields, that only events of the configured repositories and branches pass, and
that a Workflow gets only checked values. A push counts only if one of the configured senders sent it. The end of a
branch counts whoever caused it. A pull request from a fork never counts.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipelines.manifests.sensor.event import SensorEvent
from pipelines.manifests.sensor.filters import equal_filter, names_filter, number_filters, text_filter
from pipelines.names import COMMAND
from pipelines.settings import ref_pattern
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
    from collections.abc import Callable, Iterator

    from pipelines.settings import Settings

_COMMANDS = {parameter.name: parameter.pattern for parameter in COMMAND_PARAMETERS}
_PATTERNS = {parameter.name: parameter.pattern for parameter in PARAMETERS}
_DELIVERY = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Ten digits, as the parameter says.
_PUSHED_AT = 10**9, 10**10 - 1
# The times of a pull request and of a comment are text, unlike those of a push.
_UNIX_TIME = '{{{{ .Input.body.{key} | toDate "2006-01-02T15:04:05Z07:00" | unixEpoch }}}}'
_TIME = r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"


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
            names_filter("body.sender.login", senders),
            text_filter("body.sender.type", "Bot" if all(login.endswith("[bot]") for login in senders) else "Bot|User"),
            text_filter("body.after", _PATTERNS["sha"]),
        ),
        exprs=tuple(number_filters(_PUSH_TIME, *_PUSHED_AT, name="pushed_at")),
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
            text_filter("body.sender.login", _PATTERNS["requested-by"]),
            text_filter("body.after", ZERO_SHA),
            # Without its last commit, the end of a branch cannot be ordered.
            text_filter("body.before", "[0-9a-f]*[1-9a-f][0-9a-f]*"),
        ),
        exprs=tuple(number_filters(_PUSH_TIME, *_PUSHED_AT, name="pushed_at")),
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
            text_filter("body.action", "created"),
            # An issue has none.
            text_filter("body.issue.pull_request.url", r"https?://[^\s]{1,400}/pulls/[1-9][0-9]{0,9}"),
            text_filter("body.issue.state", "open"),
            text_filter("body.comment.body", rf"\s*/{kind}-agents\s*"),
            text_filter("body.comment.user.type", "User"),
            text_filter("body.comment.created_at", _TIME),
            text_filter("body.sender.type", "User"),
            text_filter("body.sender.login", _COMMANDS["requested-by"]),
        ),
        exprs=(
            equal_filter({"author": "body.comment.user.id", "sender": "body.sender.id"}),
            *number_filters("body.issue.number", 1, 10**9, name="number"),
        ),
        ref="",
        keys={"pull-request": "body.issue.number"},
        templates={"commented-at": _UNIX_TIME.format(key="comment.created_at")},
        constants={"command": kind.value},
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
        text_filter("body.ref", *map(ref_pattern, settings.tasks)),
        # A pattern may match more than that, and Argo would evaluate an expression in a ref.
        text_filter("body.ref", _PATTERNS["ref"]),
        text_filter("body.before", _PATTERNS["before"]),
        {"path": "body.deleted", "type": "bool", "value": [str(deleted).lower()]},
    )


def _pull_request_filters(settings: Settings, *, actions: str, time: str) -> tuple[dict[str, Any], ...]:
    head = "body.pull_request.head"
    return (
        *_common_filters(settings, event="pull_request"),
        text_filter("body.action", actions),
        text_filter(f"{head}.ref", *(pattern.branch for pattern in settings.tasks)),
        text_filter(f"{head}.ref", _PATTERNS["ref"].removeprefix(HEADS)),
        text_filter(f"{head}.sha", _PATTERNS["sha"]),
        text_filter(f"body.pull_request.{time}", _TIME),
        text_filter("body.sender.login", _PATTERNS["requested-by"]),
    )


def _common_filters(settings: Settings, *, event: str) -> tuple[dict[str, Any], ...]:
    return (
        text_filter("headers.X-Github-Event.0", event),
        text_filter("body.X-GitHub-Delivery", _DELIVERY),
        names_filter("body.repository.full_name", settings.events.repositories),
    )


def _own_branch() -> dict[str, Any]:
    """Build the filter that drops pull requests from forks."""
    return equal_filter({"head": "body.pull_request.head.repo.id", "base": "body.repository.id"})
