"""Check an installation, and say how to fix it.

    agent-cancellation doctor [--argo-namespace NAMESPACE] [--no-github] [--json]

Reads through the kubeconfig and writes nothing. Asks GitHub with GITHUB_TOKEN, or with the credentials in the Secret,
which are never printed; HTTPS_PROXY and REQUESTS_CA_BUNDLE of the laptop count. Exit codes: 0 nothing is wrong, 1
something is wrong, 75 a check could not look, 65 bad settings.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.cli.help_text import CLUSTER_VARIABLES, COMMON_EXITS
from pipelines.cli.options import add_command, add_context, add_json, add_settings

if TYPE_CHECKING:
    import argparse

    from pipelines.cli.options import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(
        subparsers,
        "doctor",
        run=run,
        summary="check an installation and say how to fix it",
        examples=(
            "doctor",
            "doctor --json | jq 'map(.status)'",
        ),
        variables=(*CLUSTER_VARIABLES, "GITHUB_TOKEN", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE"),
        exits=COMMON_EXITS | {0: "nothing is wrong", 1: "something is wrong", 75: "a check could not look"},
    )
    add_settings(parser)
    add_context(parser)
    parser.add_argument(
        "--argo-namespace", default="", metavar="NAMESPACE", help="namespace of Argo's controller (searched for)"
    )
    parser.add_argument(
        "--manifests",
        type=Path,
        metavar="FILE",
        help="objects that your overlay builds, to compare with (kubectl kustomize FOLDER > FILE)",
    )
    parser.add_argument("--no-github", action="store_true", help="do not ask GitHub")
    add_json(parser, "print the findings as JSON")


def run(options: argparse.Namespace) -> int:
    """Check and print the findings; returns the exit code.

    Raises:
        StepError: The settings are bad, or no cluster is configured.
    """
    from pipelines.cli.given_settings import given_settings
    from pipelines.cli.views.doctor_table import print_findings
    from pipelines.client import kube_client, kubeconfig_transport, server_time
    from pipelines.doctor import Installation, check_installation, exit_code, read_manifests

    settings, transport = given_settings(options), kubeconfig_transport(context=options.context)
    installation = Installation(
        settings=settings,
        kube=kube_client(settings, transport=transport),
        now=server_time(transport, timeout_s=settings.kubernetes.timeout_s),
        env=os.environ,
        argo_namespace=options.argo_namespace,
        manifests=read_manifests(options.manifests) if options.manifests else (),
    )
    findings = check_installation(installation, github=not options.no_github)
    print_findings(findings, as_json=options.json)
    return exit_code(findings)
