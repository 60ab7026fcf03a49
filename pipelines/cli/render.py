"""Render every manifest into a folder for GitOps.

    agent-cancellation render [--settings FILE] [--output FOLDER] [--check | --diff [folder|cluster] | --explain [KEY]]

Guarantees: everything is built and checked before the first byte is written, equal settings give equal bytes, and a
file that is no longer rendered is removed, but only if it has the generator's first line. `--check`, `--diff` and
`--explain` write nothing. The first two exit with 1 if the folder, or the cluster, differs from the settings.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipelines.cli.help_text import CLUSTER_VARIABLES, REMOTE_EXITS
from pipelines.cli.options import add_command, add_context, add_folder, add_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from pipelines.cli.options import Subparsers
    from pipelines.settings import Settings

_FOLDER, _CLUSTER = "folder", "cluster"


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(
        subparsers,
        "render",
        run=run,
        summary="write the manifests for GitOps from settings.toml",
        examples=(
            "render --check",
            "render --diff cluster",
        ),
        variables=CLUSTER_VARIABLES,
        exits=REMOTE_EXITS | {0: "done, or no difference", 1: "the folder or the cluster differs"},
    )
    add_settings(parser)
    add_context(parser)
    add_folder(parser, "--output", default="rendered", about="folder to write to")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the folder is out of date")
    instead.add_argument(
        "--diff",
        nargs="?",
        const=_FOLDER,
        choices=(_FOLDER, _CLUSTER),
        help="write nothing; print what would change in the folder, or in the cluster; exit with 1 if anything would",
    )
    instead.add_argument(
        "--explain", nargs="?", const="", metavar="KEY", help="write nothing; explain a setting such as stop.grace_s"
    )


def run(options: argparse.Namespace) -> int:
    """Render or check; returns the exit code.

    Raises:
        StepError: The settings cannot be rendered.
    """
    if options.explain is not None:
        return _explain(options)
    from pipelines.cli.given_settings import given_settings
    from pipelines.client import counted
    from pipelines.manifests import find_drift, render_files, write_files
    from pipelines.settings import EXEMPT_FIX, unexempt_senders
    from steps.core import BadInputError, Exit

    settings = given_settings(options)
    files = render_files(settings)
    if options.diff:
        return _diff(options, settings=settings, files=files)
    if options.check:
        drift = find_drift(files, output=options.output)
        for line in drift:
            print(f"{options.output}/{line} (run agent-cancellation render)", file=sys.stderr)
        return Exit.BUG if drift else Exit.DONE
    try:
        write_files(files, output=options.output)
    except OSError as error:
        raise BadInputError(
            f"{error.filename}: {error.strerror}: give a folder that can be written by --output"
        ) from error
    for warning in dict.fromkeys(unexempt_senders(settings)):
        print(f"warning: {warning}: {EXEMPT_FIX}", file=sys.stderr)
    print(f"{options.output}: {counted(len(files), 'file')}")
    return Exit.DONE


def _diff(options: argparse.Namespace, *, settings: Settings, files: dict[str, str]) -> int:
    """Print what would change; returns the exit code."""
    from pipelines.client import kube_client, kubeconfig_transport
    from pipelines.doctor import diff_cluster
    from pipelines.manifests import diff_folder
    from steps.core import Exit

    lines: Iterable[str] = (
        diff_cluster(settings, kube=kube_client(settings, transport=kubeconfig_transport(context=options.context)))
        if options.diff == _CLUSTER
        else diff_folder(files, output=options.output)
    )
    differs = False
    for line in lines:
        differs = True
        print(line)
    if not differs:
        print(f"no difference to the {options.diff}", file=sys.stderr)
    return Exit.BUG if differs else Exit.DONE


def _explain(options: argparse.Namespace) -> int:
    """Explain settings, with the values of the file if there is one; returns the exit code."""
    from pipelines.settings import read_values
    from pipelines.settings_docs import explain_settings
    from steps.core import Exit

    own = read_values(options.settings) if options.settings.exists() else {}
    print(explain_settings(options.explain, own=own, source=str(options.settings)))
    return Exit.DONE
