"""Options that several commands share, and the types of their arguments.

Guarantees that nothing here imports more than the standard library: every `--help` imports this module.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.cli.help_text import CONTEXT_VARIABLE, NAMESPACE_VARIABLE, SETTINGS_VARIABLE, closing_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steps.domain import TaskId

    # argparse names this class only with an underscore.
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001

PROGRAM = "agent-cancellation"
# What a shell offers for a value: names of shtab's constants, which `completion` looks up. Its import takes 0.03 s.
FILE, DIRECTORY = "FILE", "DIRECTORY"


def add_command(
    subparsers: Subparsers,
    name: str,
    *,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    examples: Sequence[str],
    variables: Sequence[str],
    exits: dict[int, str],
) -> argparse.ArgumentParser:
    """Add a command's subparser.

    Args:
        subparsers: Where to add it.
        name: The word that the user types.
        run: Runs the command; returns its exit code.
        summary: One line for the list of commands and for the command's own help.
        examples: Command lines for its help, without the program's name.
        variables: Environment variables that it reads.
        exits: What each of its exit codes means.
    """
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=closing_text(examples=examples, variables=variables, exits=exits),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options `--settings` and `--namespace`."""
    action = parser.add_argument(
        "--settings",
        type=Path,
        default=Path(os.environ.get(SETTINGS_VARIABLE) or "settings.toml"),
        metavar="FILE",
        help="settings file (settings.toml)",
    )
    action.complete = FILE  # type: ignore[attr-defined]
    parser.add_argument(
        "--namespace",
        default=os.environ.get(NAMESPACE_VARIABLE, ""),
        metavar="NAMESPACE",
        help="namespace of the Workflows and Leases (namespaces.workflows of the settings)",
    )


def add_context(parser: argparse.ArgumentParser) -> None:
    """Add the option `--context`."""
    parser.add_argument(
        "--context",
        default=os.environ.get(CONTEXT_VARIABLE, ""),
        metavar="CONTEXT",
        help="context of the kubeconfig (the current one)",
    )


def add_folder(parser: argparse.ArgumentParser, name: str, *, default: str, about: str) -> None:
    """Add an option that takes a folder."""
    action = parser.add_argument(name, type=Path, default=Path(default), metavar="FOLDER", help=f"{about} ({default})")
    action.complete = DIRECTORY  # type: ignore[attr-defined]


def add_json(parser: argparse.ArgumentParser, about: str) -> None:
    """Add the option `--json`."""
    parser.add_argument("--json", action="store_true", help=about)


def task_argument(text: str) -> tuple[TaskId, ...]:
    """Return the ids that a person may mean, as labels and names have them; none for an empty text.

    A text that ends as an id with a hash does is that id, as `status` shows it, or the text of a branch.

    Raises:
        argparse.ArgumentTypeError: The text cannot be an id.
    """
    if not re.fullmatch(r"([A-Za-z0-9._/@#+=,%][A-Za-z0-9._/@#+=,%-]{0,243})?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"invalid task id {text[:40]!a}: give it as the branch or `status` shows it")
    if not text:
        return ()
    from steps.domain import ID_PATTERN, TaskId, task_id

    shown = (TaskId(text.lower()),) if re.fullmatch(ID_PATTERN, text.lower()) else ()
    return tuple(dict.fromkeys((*shown, task_id(text))))


def pull_request_number(text: str) -> int:
    """Parse the number of a pull request.

    Raises:
        argparse.ArgumentTypeError: It is not a positive number.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"invalid pull request {text[:40]!a}: give its number, such as 7")
    return int(text)


def seconds(text: str) -> float:
    """Parse a duration in seconds.

    Raises:
        argparse.ArgumentTypeError: It is not a finite number above 0.
    """
    try:
        parsed = float(text)
    except ValueError:
        parsed = 0.0
    if not 0 < parsed < float("inf"):
        raise argparse.ArgumentTypeError(f"invalid time {text[:40]!a}: give seconds, more than 0")
    return parsed
