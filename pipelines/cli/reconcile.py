"""Run one pass of reconcile from a laptop: find inconsistent tasks, and repair them.

    agent-cancellation reconcile [--dry-run] [--json] [--settings FILE]

Uses the kubeconfig, with its user's rights. `--dry-run` writes nothing. Ages use the API server's clock, not the
laptop's. Exits with 75 if a repair failed. GITHUB_TOKEN gives access to GitHub; without it the pass does not look for
lost pushes, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.cli.help_text import CLUSTER_VARIABLES, REMOTE_EXITS
from pipelines.cli.options import add_command, add_context, add_json, add_settings

if TYPE_CHECKING:
    import argparse

    from pipelines.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(
        subparsers,
        "reconcile",
        run=run,
        summary="find inconsistent tasks and repair them",
        examples=(
            "reconcile --dry-run",
            "reconcile --json | jq '.findings | length'",
        ),
        variables=(*CLUSTER_VARIABLES, "GITHUB_TOKEN", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE"),
        exits=REMOTE_EXITS | {0: "done", 75: "it did not answer, or a repair failed: try again"},
    )
    add_settings(parser)
    add_context(parser)
    parser.add_argument("--dry-run", action="store_true", help="report what would be done, write nothing")
    add_json(parser, "print the findings as JSON")


def run(options: argparse.Namespace) -> int:
    """Run the pass and print its findings; returns the exit code.

    Raises:
        StepError: The settings are bad, or the API server refuses or does not answer.
    """
    from pipelines.cli.given_settings import given_settings
    from pipelines.cli.views.reconcile_table import print_pass
    from pipelines.client import kubeconfig_transport, reconcile_context
    from steps.core import Exit
    from steps.reconciliation import run_pass

    settings = given_settings(options)
    transport = kubeconfig_transport(context=options.context)
    context = reconcile_context(settings, transport=transport, dry_run=options.dry_run)
    result = run_pass(context)
    print_pass(result, now=context.started_at, as_json=options.json, dry_run=options.dry_run)
    return Exit.TRY_AGAIN if result.failures else Exit.DONE
