"""The command line: one word for what to do, which loads no more than that needs.

    agent-cancellation submit | status | explain | doctor | reconcile | render | completion [OPTIONS]

Guarantees that `--help`, of a command too, imports neither Hera nor a client of Kubernetes or GitHub. Exit codes
are the steps' own: 0 done or superseded, 65 bad input, 75 try again, 77 forbidden, 1 anything else; 2 for a wrong
command line.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import TYPE_CHECKING

from pipelines.cli import parsers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipelines.cli.parsers import Parser

_USAGE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A word of the command line.

    Attributes:
        module: Has `main(arguments)`.
        parser: Makes the parser of its options.
    """

    name: str
    module: str
    parser: Callable[[], Parser]
    about: str


def _command(parser: Callable[[], Parser], *, about: str) -> Command:
    name = parser.__name__
    return Command(name=name, module=f"pipelines.cli.{name}", parser=parser, about=about)


COMMANDS = (
    _command(parsers.submit, about="stop the stale agents of a task now, and wait for it"),
    _command(parsers.status, about="where cancellations stand"),
    _command(parsers.explain, about="why each agent of a task was stopped, or was not"),
    _command(parsers.doctor, about="what is wrong with an installation, and what to do about it"),
    _command(parsers.reconcile, about="find what went wrong anyway, and mend it"),
    _command(parsers.render, about="write the manifests for GitOps from settings.toml"),
    _command(parsers.completion, about="print a script that completes all this in a shell"),
)


def _help() -> str:
    width = max(len(command.name) for command in COMMANDS)
    words = "\n".join(f"  {command.name:<{width}}  {command.about}" for command in COMMANDS)
    return (
        "usage: agent-cancellation COMMAND [OPTIONS]\n\n"
        "When an agent pushes new code, the agents that work on the old code are stopped.\n\n"
        f"{words}\n\n"
        "agent-cancellation COMMAND --help says more; --version prints the version.\n"
        "Exit codes: 0 done or superseded, 65 bad input, 75 try again, 77 forbidden, 1 anything else."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    word = given[0] if given else ""
    if word in ("", "-h", "--help", "help"):
        print(_help(), file=sys.stdout if word else sys.stderr)
        return 0 if word else _USAGE
    if word == "--version":
        print(metadata.version("agent-cancellation"))
        return 0
    command = next((each for each in COMMANDS if each.name == word), None)
    if command is None:
        known = ", ".join(each.name for each in COMMANDS)
        print(f"agent-cancellation: there is no command {word[:40]!a}; give one of {known}", file=sys.stderr)
        return _USAGE
    # Before anything is loaded: help, or what is wrong with the command line.
    command.parser().parse_args(given[1:])
    code: int = import_module(command.module).main(given[1:])
    return code


if __name__ == "__main__":
    sys.exit(main())
