"""Completion of commands and options in a shell, made from the very parsers that read the command line.

    source <(agent-cancellation completion bash)         # or zsh; in ~/.bashrc, ~/.zshrc
    agent-cancellation completion fish | source          # in ~/.config/fish/config.fish

Completes commands, options, files and fixed choices; task ids would need the cluster, and are left to `status`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from pipelines.cli import parsers
from pipelines.cli.main import COMMANDS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

_NAME = parsers.PROGRAM
_FUNCTION = f"_{_NAME.replace('-', '_')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """An option of a command, or one of an argument's choices.

    Attributes:
        takes: `file` or `value`; empty if nothing follows.
    """

    text: str
    about: str
    takes: str = ""


def words(command: str) -> Iterator[Word]:
    """What may follow a command."""
    parser = next(each.parser for each in COMMANDS if each.name == command)()
    for action in parser.actions:
        about = action.help or ""
        if action.option_strings:
            yield Word(text=action.option_strings[-1], about=about, takes=_takes(action))
        else:
            yield from (Word(text=str(choice), about=about) for choice in action.choices or ())


def _takes(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    return "file" if action.type is Path else "value"


def bash() -> str:
    """The script for bash."""
    cases, files, values = [], set(), set()
    for command in COMMANDS:
        found = list(words(command.name))
        cases.append(f'        {command.name}) words="{" ".join(each.text for each in found)}" ;;')
        files |= {each.text for each in found if each.takes == "file"}
        values |= {each.text for each in found if each.takes == "value"}
    names = " ".join(command.name for command in COMMANDS)
    return "\n".join(
        [
            f"{_FUNCTION}() {{",
            '    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" words=""',
            '    case "$previous" in',
            f'        {"|".join(sorted(files))}) COMPREPLY=($(compgen -f -- "$current")); return ;;',
            f"        {'|'.join(sorted(values))}) COMPREPLY=(); return ;;",
            "    esac",
            f'    [ "$COMP_CWORD" -eq 1 ] && words="{names} --help --version"',
            '    [ "$COMP_CWORD" -gt 1 ] && case "${COMP_WORDS[1]}" in',
            *cases,
            "    esac",
            '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "}",
            f"complete -F {_FUNCTION} {_NAME}",
        ]
    )


def zsh() -> str:
    """The script for zsh."""
    cases = []
    for command in COMMANDS:
        options = [_zsh_option(each) for each in words(command.name) if _is_option(each)]
        choices = " ".join(each.text for each in words(command.name) if not _is_option(each))
        options += [f"'1:choice:({choices})'"] if choices else []
        cases.append(f"        {command.name}) _arguments {' '.join(options)} ;;")
    names = " ".join(quote(f"{command.name}:{command.about}") for command in COMMANDS)
    return "\n".join(
        [
            f"#compdef {_NAME}",
            f"{_FUNCTION}() {{",
            f"    local -a commands=({names})",
            "    if (( CURRENT == 2 )); then _describe command commands; return; fi",
            "    shift words; (( CURRENT-- ))",
            '    case "$words[1]" in',
            *cases,
            "    esac",
            "}",
            f"compdef {_FUNCTION} {_NAME}",
        ]
    )


def _is_option(word: Word) -> bool:
    return word.text.startswith("-")


def _zsh_option(word: Word) -> str:
    # Brackets and colons would end the explanation.
    about = word.about.replace("[", "(").replace("]", ")").replace(":", " ")
    takes = {"file": ":file:_files", "value": ":value: ", "": ""}[word.takes]
    return quote(f"{word.text}[{about}]{takes}")


def fish() -> str:
    """The script for fish."""
    lines = [f"complete -c {_NAME} -f"]
    for command in COMMANDS:
        lines.append(f"complete -c {_NAME} -n __fish_use_subcommand -a {command.name} -d {quote(command.about)}")
        for each in words(command.name):
            given = f"-l {each.text.removeprefix('--')}" if _is_option(each) else f"-a {each.text}"
            takes = {"file": " -r -F", "value": " -x", "": ""}[each.takes]
            seen = f"-n '__fish_seen_subcommand_from {command.name}'"
            lines.append(f"complete -c {_NAME} {seen} {given}{takes} -d {quote(each.about)}")
    return "\n".join(lines)


_SCRIPTS = {"bash": bash, "zsh": zsh, "fish": fish}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the script; returns the exit code."""
    options = parsers.completion().parse_args(arguments)
    print(_SCRIPTS[options.shell]())
    return 0


if __name__ == "__main__":
    sys.exit(main())
