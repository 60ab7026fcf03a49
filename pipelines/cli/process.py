"""What a process meets at its rim: streams that are closed, full or not UTF-8, and Ctrl-C.

Guarantees that none of these ends a command with a traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

# As a shell reports SIGPIPE and SIGINT.
PIPE, INTERRUPTED = 141, 130
_FAILED = 1


def guarded(run: Callable[[], int]) -> int:
    """Run a command line; returns its exit code.

    Raises:
        SystemExit: argparse ended it, after its output was written.
    """
    _open_streams()
    try:
        try:
            code = run()
        except SystemExit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has read enough.
        _silence()
        return PIPE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _silence()
        print("the output could not be written: no space is left on the device", file=sys.stderr)
        return _FAILED
    return code


def _open_streams() -> None:
    """Open what a shell closed by `<&-` or `>&-`, and escape what the encoding of a stream lacks, such as an arrow."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123 - open until the process ends
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - open until the process ends
        elif callable(reconfigure := getattr(stream, "reconfigure", None)):
            reconfigure(errors="backslashreplace")


def _silence() -> None:
    """Send the rest of standard output nowhere. Python would complain about it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
