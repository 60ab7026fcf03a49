"""Render every manifest into a folder for GitOps.

    agent-cancellation render [--settings FILE] [--output FOLDER] [--check]

Guarantees: everything is built and checked before the first byte is written, equal settings give equal bytes, and a
file that is no longer rendered is removed, but only if it carries our first line. `--check` writes nothing and exits
with 1 if the folder differs from the settings.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipelines.cli.options import add_command, add_folder, add_settings

if TYPE_CHECKING:
    import argparse

    from pipelines.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(subparsers, "render", run=run, summary="write the manifests for GitOps from settings.toml")
    add_settings(parser)
    add_folder(parser, "--output", default="rendered", about="folder to write to")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the folder is out of date")


def run(options: argparse.Namespace) -> int:
    """Render or check; returns the exit code.

    Raises:
        StepError: The settings cannot be rendered.
    """
    from pipelines.manifests import find_drift, render_files, write_files
    from pipelines.settings import read_settings
    from steps.core import BadInputError, Exit

    files = render_files(read_settings(options.settings))
    if options.check:
        drift = find_drift(files, output=options.output)
        for line in drift:
            print(f"{options.output}/{line} (run make render)", file=sys.stderr)
        return Exit.BUG if drift else Exit.DONE
    try:
        write_files(files, output=options.output)
    except OSError as error:
        raise BadInputError(
            f"{error.filename}: {error.strerror}: give a folder that can be written by --output"
        ) from error
    print(f"{options.output}: {len(files)} files")
    return Exit.DONE
