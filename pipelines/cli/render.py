"""Render every manifest into a folder for GitOps.

    python -m pipelines.cli.render [--settings FILE] [--output FOLDER] [--check]

Guarantees: everything is built and checked before the first byte is written, equal settings give equal bytes, and a
file that is no longer rendered is removed (only files that carry our first line are). `--check` writes nothing and
exits with 1 if the folder differs from what would be written.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipelines.cli import parsers
from pipelines.manifests import (
    find_drift,
    render_files,
    write_files,
)
from pipelines.settings import read_settings
from steps.core import Exit, StepError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Render, or check; returns the exit code."""
    options = parsers.render().parse_args(arguments)
    try:
        files = render_files(read_settings(options.settings))
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    if not options.check:
        try:
            write_files(files, output=options.output)
        except OSError as error:
            print(f"{error.filename}: {error.strerror}: give a folder that can be written by --output", file=sys.stderr)
            return Exit.BAD_INPUT
        print(f"{options.output}: {len(files)} files")
        return Exit.DONE
    found = find_drift(files, output=options.output)
    for line in found:
        print(f"{options.output}/{line} (run make render)", file=sys.stderr)
    return Exit.BUG if found else Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
