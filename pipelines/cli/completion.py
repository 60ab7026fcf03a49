"""Completion of commands, options, files and fixed choices in a shell.

    source <(agent-cancellation completion bash)         # in ~/.bashrc
    eval "$(agent-cancellation completion zsh)"          # in ~/.zshrc, after compinit
    agent-cancellation completion fish | source          # in ~/.config/fish/config.fish

shtab writes the scripts from the same parser that reads the command line, so the two cannot differ. Task ids are not
completed: that would ask the cluster at each key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.cli.options import add_command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pipelines.cli.options import Subparsers

# Those of shtab.
SHELLS = ("bash", "zsh", "tcsh", "fish", "powershell")


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(
        subparsers,
        "completion",
        run=run,
        summary="print a script for completion in a shell",
        examples=(
            "completion bash",
            "completion fish | source",
        ),
        variables=(),
        exits={0: "done", 2: "wrong command line"},
    )
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=f"one of {', '.join(SHELLS)}")


def run(options: argparse.Namespace) -> int:
    """Print the script; returns the exit code."""
    import shtab

    for action in _actions(options.parser):
        if name := getattr(action, "complete", ""):
            action.complete = getattr(shtab, name)  # type: ignore[attr-defined]
    print(shtab.complete(options.parser, shell=options.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the options of a parser and of its commands; argparse has no public name for them."""
    for action in parser._actions:  # noqa: SLF001
        yield action
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from _actions(command)
