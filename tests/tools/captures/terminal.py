"""A terminal: a shell in tmux that takes commands and returns its screen.

Guarantees that a command has ended before its screen is read, that the environment is the given one and never on a
command line, and that tmux and the shell end with the context.
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
        """Type a command, and wait for the next prompt.

        Raises:
            TimeoutExpired: No prompt within four minutes.
        """
        self.tmux("send-keys", "-l", command)
        self.tmux("send-keys", "Enter")
        self.ready()

    def ready(self) -> None:
        """Wait until the prompt is on the screen. The shell signals before it draws the prompt."""
        self.tmux("wait-for", _READY)
        while self.tmux("capture-pane", "-p").rstrip().rpartition("\n")[2] != _PROMPT:
            time.sleep(0.02)

    def screen(self) -> str:
        """Return the screen with colours as ANSI codes, without the last prompt."""
        lines = self.tmux("capture-pane", "-p", "-e").rstrip().splitlines()
        return "\n".join(lines[:-1])

    def tmux(self, *arguments: str) -> str:
        """Run a tmux command and return its output."""
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
    """Open a terminal in a directory. It closes with the context."""
    variables = {
        **environment,
        # A closing shell would write it into a directory that is about to be deleted.
        "HISTFILE": "/dev/null",
        "LANG": "C.UTF-8",
        "PS1": f"{_PROMPT} ",
        "PROMPT_COMMAND": f"tmux wait-for -S {_READY}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
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
