"""Completion of commands, options, files and fixed choices in a shell.

    source <(agent-cancellation completion bash)         # in ~/.bashrc
    eval "$(agent-cancellation completion zsh)"          # in ~/.zshrc, after compinit
    agent-cancellation completion fish | source          # in ~/.config/fish/config.fish

shtab writes the scripts from the same parser that reads the command line, so the two cannot differ. Task ids are not
completed: that would ask the cluster at each key.

For `kubectl agent-cancellation`, kubectl runs `kubectl_complete-agent_cancellation` at each key, with the words so far.
It reads the answer as Cobra does: a word on each line, then a directive.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pipelines.cli.options import add_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipelines.cli.options import Subparsers

# Directives of Cobra (ShellCompDirectiveDefault, ShellCompDirectiveNoFileComp): the first makes a shell complete files.
_FILES, _NO_FILES = 0, 4
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


def suggestions(parser: argparse.ArgumentParser, words: Sequence[str]) -> tuple[list[str], int]:
    """Return the words that may stand in place of the last one, and Cobra's directive.

    Args:
        parser: The parser of the whole command line.
        words: What was typed; the last one is not finished, and may be empty.
    """
    *before, last = words or [""]
    for word in before:
        inner = next((each.choices for each in parser._actions if isinstance(each.choices, dict)), {})  # noqa: SLF001
        parser = inner.get(word, parser)
    actions = parser._actions  # noqa: SLF001
    valued = next((each for each in actions if before and before[-1] in each.option_strings and each.nargs != 0), None)
    if valued is not None:
        found, directive = list(map(str, valued.choices or ())), _NO_FILES if valued.choices else _FILES
    elif last.startswith("-"):
        shown = (each for each in actions if each.help != argparse.SUPPRESS)
        found, directive = [name for each in shown for name in each.option_strings], _NO_FILES
    else:
        fixed = [each for each in actions if not each.option_strings and each.choices]
        found = [str(choice) for each in fixed for choice in each.choices or ()]
        directive = _NO_FILES if fixed else _FILES
    return sorted(each for each in found if each.startswith(last)), directive
