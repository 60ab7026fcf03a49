"""The command line: one parser, one subcommand for each task.

    agent-cancellation init | register | render | doctor | submit | status | explain | reconcile | completion [OPTIONS]

Guarantees that `--help`, also of a command, imports neither Hera nor a client of Kubernetes or GitHub: each command
imports what it needs when it runs. Exit codes are those of the steps: 0 done or superseded, 65 bad input, 75 try
again, 77 forbidden, 1 any other failure. A wrong command line exits with 2, Ctrl-C with 130.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pipelines.cli import completion, doctor, explain, init, reconcile, register, render, status, submit
from pipelines.cli.help_text import REMOTE_EXITS, VARIABLES, closing_text
from pipelines.cli.options import PROGRAM
from pipelines.cli.process import guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE = 2
# The extra of pyproject.toml that brings a package which a command imports.
EXTRAS = dict.fromkeys(("hera", "kubernetes", "yaml", "re2", "rich", "shtab"), "generate") | {"cyclonedx": "sbom"}
COMMANDS = (init, register, render, doctor, submit, status, explain, reconcile, completion)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage="%(prog)s COMMAND [OPTIONS]",
        description="When an agent pushes new code, stop the agents that work on the old code.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=closing_text(
            examples=("init deploy", "status --help"),
            variables=tuple(VARIABLES),
            exits=REMOTE_EXITS | {0: "done or superseded", 1: "any other failure", 130: "interrupted"},
        ),
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    # `completion` writes its scripts from the whole parser.
    parser.set_defaults(parser=parser, run=None)
    # A short metavar would make argparse break the line after the longest commands.
    subparsers = parser.add_subparsers(prog=PROGRAM, title="commands", metavar="COMMAND [OPTIONS]")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    return guarded(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = build_parser()
    options = parser.parse_args(["--help"] if given == ["help"] else given)
    if options.version:
        from importlib import metadata

        print(metadata.version(PROGRAM))
        return 0
    if options.run is None:
        parser.print_help(sys.stderr)
        return _USAGE
    from steps.core import Exit, StepError  # a wrong command line ends before this import

    try:
        code: int = options.run(options)
    except ModuleNotFoundError as error:
        if (extra := EXTRAS.get((error.name or "").partition(".")[0])) is None:
            raise
        print(
            f"{PROGRAM} {given[0]} needs the package {error.name}: install {PROGRAM}[{extra}], for example by "
            f"`uv tool install '{PROGRAM}[{extra}]'` or `pipx install '{PROGRAM}[{extra}]'`",
            file=sys.stderr,
        )
        return Exit.BAD_INPUT
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    return code


def complete_for_kubectl() -> int:
    """Print what may follow the words on the command line, for kubectl; returns the exit code."""
    words, directive = completion.suggestions(build_parser(), sys.argv[1:])
    print("\n".join((*words, f":{directive}")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
