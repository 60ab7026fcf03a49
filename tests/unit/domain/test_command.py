"""A command's parameters, and who may give it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from steps.core.errors import BadInputError
from steps.domain.command import Command, CommandKind, command_from_env, decide_age, decide_permission

GOOD = {
    "COMMAND": "cancel",
    "REPOSITORY": "5dlabs/cto",
    "PULL_REQUEST": "12",
    "COMMENTED_AT": "1772366400",
    "CORRELATION_ID": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    "REQUESTED_BY": "octocat",
}
HOSTILE = ["", "{{workflow.name}}", "$(id)", "a\nb", "x" * 10_000, "\u0667", "a b", "\x00", "../../etc", "12\n"]


def test_a_command_is_read_from_its_parameters() -> None:
    assert command_from_env(GOOD) == Command(
        kind=CommandKind.CANCEL,
        repository="5dlabs/cto",  # type: ignore[arg-type]
        pull_request=12,
        commented_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        correlation_id="72d3162e-cc78-11e3-81ab-4c9367dc0958",
        requested_by="octocat",
    )


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_every_hostile_parameter_is_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(BadInputError) as caught:
        command_from_env(GOOD | {field: value})
    message = str(caught.value)
    assert field.lower().replace("_", "-") in message
    assert len(message) < 500
    assert "\n" not in message


@pytest.mark.parametrize("field", GOOD)
def test_every_parameter_is_needed(field: str) -> None:
    with pytest.raises(BadInputError, match=f"{field.lower().replace('_', '-')} is missing"):
        command_from_env({key: value for key, value in GOOD.items() if key != field})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("COMMAND", "stop"),
        ("COMMAND", "/cancel-agents"),
        ("COMMAND", "cancelkeep"),
        ("PULL_REQUEST", "0"),
        ("PULL_REQUEST", "-1"),
        ("PULL_REQUEST", "012"),
        ("PULL_REQUEST", "1.0"),
        ("COMMENTED_AT", "2026-03-01T12:00:00Z"),
        ("REQUESTED_BY", "5DLabs-Rex[bot]"),
        ("REQUESTED_BY", "a/b"),
        ("REQUESTED_BY", "-a"),
    ],
)
def test_a_value_of_another_kind_is_refused(field: str, value: str) -> None:
    with pytest.raises(BadInputError):
        command_from_env(GOOD | {field: value})


@pytest.mark.parametrize("permission", ["admin", "maintain", "write"])
def test_write_permission_is_enough_for_a_command(permission: str) -> None:
    assert decide_permission(permission, login="octocat") == ""


@pytest.mark.parametrize("permission", ["read", "triage", "none", "", "Write", "writer", "push"])
def test_any_other_permission_is_none(permission: str) -> None:
    assert decide_permission(permission, login="octocat") == "octocat may not write to the repository"


@pytest.mark.parametrize(
    ("age_s", "refused"), [(-5, False), (0, False), (3600, False), (3601, True), (3 * 86400, True)]
)
def test_a_command_is_valid_for_an_hour(age_s: int, *, refused: bool) -> None:
    command = command_from_env(GOOD)
    assert bool(decide_age(command, created_at=command.commented_at + timedelta(seconds=age_s))) is refused
