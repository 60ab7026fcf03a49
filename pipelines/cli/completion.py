"""Completion of commands, options, files and fixed choices in a shell.

    source <(agent-cancellation completion bash)         # in ~/.bashrc
    eval "$(agent-cancellation completion zsh)"          # in ~/.zshrc, after compinit
    agent-cancellation completion fish | source          # in ~/.config/fish/config.fish

shtab writes the scripts from the same parser that reads the command line, so the two cannot differ. Task ids are not
completed: that would ask the cluster at each key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import shtab

from pipelines.cli.options import add_command

if TYPE_CHECKING:
    import argparse

    from pipelines.cli.options import Subparsers

SHELLS = tuple(shtab.SUPPORTED_SHELLS)


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(subparsers, "completion", run=run, summary="print a script for completion in a shell")
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=f"one of {', '.join(SHELLS)}")


def run(options: argparse.Namespace) -> int:
    """Print the script; returns the exit code."""
    print(shtab.complete(options.parser, shell=options.shell))
    return 0
