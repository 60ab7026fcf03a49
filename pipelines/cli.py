"""The command line: one word for what to do, which loads no more than that needs.

    agent-cancellation submit | status | explain | reconcile | render [OPTIONS]

Guarantees that `--help` imports neither Hera nor the Kubernetes client. Exit codes are the steps' own: 0 done or
superseded, 65 bad input, 75 try again, 77 forbidden, 1 anything else; 2 for a wrong command line.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A word of the command line.

    Attributes:
        module: Has `main(arguments)`.
    """

    name: str
    module: str
    about: str


COMMANDS = (
    Command(name="submit", module="pipelines.submit", about="stop the stale agents of a task now, and wait for it"),
    Command(name="status", module="pipelines.status", about="where cancellations stand"),
    Command(name="explain", module="pipelines.explain", about="why each agent of a task was stopped, or was not"),
    Command(name="reconcile", module="pipelines.reconcile", about="find what went wrong anyway, and mend it"),
    Command(name="render", module="pipelines.render", about="write the manifests for GitOps from settings.toml"),
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
    code: int = import_module(command.module).main(given[1:])
    return code


if __name__ == "__main__":
    sys.exit(main())
