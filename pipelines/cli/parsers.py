"""The options of every command, apart from what the commands do, so that `--help` and completion load nothing else."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "agent-cancellation"


def _task(text: str) -> str:
    if not re.fullmatch(r"([1-9][0-9]{0,8})?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text[:40]!a} is no task id: give a number from 1 to 999999999")
    return text


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text[:40]!a} is no number of a pull request: give one such as 7")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text[:40]!a} is no time: give seconds, more than 0")
    return seconds


class Parser(argparse.ArgumentParser):
    """A command's parser that can list what it takes."""

    def __init__(self, command: str, *, about: str) -> None:
        # Before the parser adds --help to it.
        self.actions: list[argparse.Action] = []
        super().__init__(prog=f"{PROGRAM} {command}", description=about)

    def add_argument(self, *names: str, **more: Any) -> argparse.Action:  # noqa: ANN401 - the library's
        """Take an option or an argument."""
        action = super().add_argument(*names, **more)
        self.actions.append(action)
        return action


def _parser(command: str, *, about: str) -> Parser:
    parser = Parser(command, about=about)
    parser.add_argument("--settings", type=Path, default=Path("settings.toml"), help="settings file (settings.toml)")
    return parser


def submit() -> Parser:
    """Options of `submit`."""
    parser = _parser("submit", about="Stop the stale agents of a task.")
    parser.add_argument("--repository", help="owner/name (git's origin, or the settings' only one)")
    parser.add_argument("--task", help="task id, whose pull request is looked for (from the branch)")
    parser.add_argument("--pr", type=_number, metavar="NUMBER", help="pull request whose branch and head are meant")
    parser.add_argument("--ref", help="branch or ref (git's current branch, or the pull request's)")
    parser.add_argument("--sha", help="commit that was pushed (git's HEAD, or the pull request's)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, write nothing")
    parser.add_argument("--watch", action="store_true", help="wait, and tell what it is doing (done anyway)")
    parser.add_argument("--no-wait", action="store_true", help="submit and leave")
    parser.add_argument("--timeout", type=_seconds, default=1800.0, help="seconds to wait (1800)")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    return parser


def status() -> Parser:
    """Options of `status`."""
    parser = _parser("status", about="Where cancellations stand.")
    parser.add_argument("task", type=_task, nargs="?", default="", metavar="TASK", help="task id (all)")
    parser.add_argument("--watch", action="store_true", help="show it again every two seconds, until interrupted")
    parser.add_argument("--json", action="store_true", help="print it as JSON; with --watch one line each time")
    return parser


def explain() -> Parser:
    """Options of `explain`."""
    parser = _parser("explain", about="Why each agent was cancelled, or not.")
    parser.add_argument("task", type=_task, metavar="TASK", help="task id")
    parser.add_argument("--repository", default="", help="owner/name, if several repositories have a task of that id")
    parser.add_argument("--json", action="store_true", help="print the record as JSON")
    return parser


def reconcile() -> Parser:
    """Options of `reconcile`."""
    parser = _parser("reconcile", about="Find what went wrong, mend it.")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, write nothing")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser


def doctor() -> Parser:
    """Options of `doctor`."""
    parser = _parser("doctor", about="What is wrong with an installation, and what to do about it.")
    parser.add_argument("--argo-namespace", default="", help="where Argo's controller is (looked for everywhere)")
    parser.add_argument("--no-github", action="store_true", help="do not ask GitHub")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser


def render() -> Parser:
    """Options of `render`."""
    parser = _parser("render", about="Render the manifests.")
    parser.add_argument("--output", type=Path, default=Path("rendered"), help="folder to write to (rendered)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the folder is out of date")
    return parser


def completion() -> Parser:
    """Options of `completion`."""
    parser = Parser("completion", about="Print a script that completes commands and options.")
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=f"one of {', '.join(SHELLS)}")
    return parser
