"""A terminal as a person has it: a shell in tmux, what is typed into it, and what its screen then shows.

Guarantees: a command has ended when its screen is taken; the terminal's environment is the one given, and none of it is
on a command line; tmux and the shell end with the context.
"""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COLUMNS, LINES = 118, 200
_DEADLINE_S = 240.0
_READY, _PROMPT = "ready", "$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """One terminal."""

    server: str
    environment: Mapping[str, str]
    folder: Path

    def type(self, command: str) -> None:
        """Type a command, and wait until the shell asks for the next one.

        Raises:
            TimeoutExpired: It does not in four minutes.
        """
        self.tmux("send-keys", "-l", command)
        self.tmux("send-keys", "Enter")
        self.ready()

    def ready(self) -> None:
        """Wait until the shell's prompt is there: it says that it is about to draw it, not that it has."""
        self.tmux("wait-for", _READY)
        while self.tmux("capture-pane", "-p").rstrip().rpartition("\n")[2] != _PROMPT:
            time.sleep(0.02)

    def screen(self) -> str:
        """What is on the screen, with its colours as ANSI codes, without the prompt that waits at its end."""
        lines = self.tmux("capture-pane", "-p", "-e").rstrip().splitlines()
        return "\n".join(lines[:-1])

    def tmux(self, *arguments: str) -> str:
        """Ask tmux something."""
        command = ["tmux", "-L", self.server, "-f", "/dev/null", *arguments]
        done = subprocess.run(
            command,
            env=dict(self.environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=True,
        )
        return done.stdout


@contextmanager
def terminal(*, folder: Path, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Open a terminal in a folder, until the context is left."""
    variables = {
        **environment,
        # A shell that is closed would still write it, into a folder that is about to go.
        "HISTFILE": "/dev/null",
        "LANG": "C.UTF-8",
        "PS1": f"{_PROMPT} ",
        "PROMPT_COMMAND": f"tmux wait-for -S {_READY}",
        "TERM": "xterm-256color",
    }
    opened = Terminal(server=f"captures-{uuid.uuid4().hex[:8]}", environment=variables, folder=folder)
    shell = ["bash", "--norc", "--noprofile"]
    opened.tmux("new-session", "-d", "-x", str(COLUMNS), "-y", str(LINES), *shell)
    try:
        opened.ready()
        yield opened
    finally:
        opened.tmux("kill-server")
