"""A command that a person wrote as a comment on a pull request: its parameters, and who may give it. Pure.

Guarantees that a command counts only if GitHub says that its author may write to the repository. The comment itself is
not a parameter: the Sensor compares its text and passes only a fixed word on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.domain.parameters import Parameter, read_parameters
from steps.domain.push import Repository
from steps.domain.push_parameters import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping

# GitHub lets a person deliver a webhook again for days. A command means what its author sees on the pull request.
COMMAND_VALID = timedelta(hours=1)
# GitHub reports a role of its own making by the permission that it builds on, and `maintain` as write.
_MAY_WRITE = ("admin", "maintain", "write")


class CommandKind(StrEnum):
    """What a person asks for."""

    CANCEL = "cancel"
    KEEP = "keep"


_PUSH = {parameter.name: parameter for parameter in PARAMETERS}
COMMAND_PARAMETERS = (
    Parameter(name="command", pattern="|".join(CommandKind), expects="cancel or keep"),
    _PUSH["repository"],
    Parameter(name="pull-request", pattern=r"[1-9][0-9]{0,9}", expects="the number of the pull request"),
    Parameter(
        name="commented-at", pattern=_PUSH["pushed-at"].pattern, expects="the time of the comment in Unix seconds"
    ),
    _PUSH["correlation-id"],
    Parameter(name="requested-by", pattern=r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", expects="the login of a person"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command. All fields are checked.

    Attributes:
        commented_at: Time of the comment, by GitHub's clock.
        requested_by: Login of the person who wrote the comment.
    """

    kind: CommandKind
    repository: Repository
    pull_request: int
    commented_at: datetime
    correlation_id: str
    requested_by: str


def command_from_env(env: Mapping[str, str]) -> Command:
    """Read and check the parameters.

    Args:
        env: The container's environment.

    Raises:
        BadInputError: A parameter is missing or malformed.
    """
    values = read_parameters(env, COMMAND_PARAMETERS)
    return Command(
        kind=CommandKind(values["command"]),
        repository=Repository(values["repository"]),
        pull_request=int(values["pull-request"]),
        commented_at=datetime.fromtimestamp(int(values["commented-at"]), UTC),
        correlation_id=values["correlation-id"],
        requested_by=values["requested-by"],
    )


def decide_permission(permission: str, *, login: str) -> str:
    """Decide whether a person may give a command.

    Args:
        permission: The person's permission in the repository, as GitHub reports it.
        login: The person's login, for the reason.

    Returns:
        Why not; empty if the person may.
    """
    return "" if permission in _MAY_WRITE else f"{login} may not write to the repository"


def decide_age(command: Command, *, created_at: datetime) -> str:
    """Decide whether a command is recent enough.

    Args:
        command: The command.
        created_at: creationTimestamp of its Workflow.

    Returns:
        Why not; empty if it is.
    """
    late = created_at - command.commented_at > COMMAND_VALID
    return "the comment is older than an hour: comment again" if late else ""
