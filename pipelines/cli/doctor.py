"""What is wrong with an installation, and what to do about it.

    agent-cancellation doctor [--argo-namespace NAMESPACE] [--no-github] [--json]

Reads through the kubeconfig, and writes nothing. GitHub is asked with GITHUB_TOKEN, or with what is in the Secret,
which is never shown, by the laptop's own way there (HTTPS_PROXY, REQUESTS_CA_BUNDLE). Exit codes: 0 nothing is wrong, 1
something is, 75 not everything could be looked at, 65 bad settings.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipelines.cli import parsers
from pipelines.cli.output import open_console
from pipelines.client import kube_client, kubeconfig_transport, server_time
from pipelines.doctor import (
    CheckResult,
    CheckStatus,
    Installation,
    check_installation,
    exit_code,
)
from pipelines.settings import read_settings
from steps.core import StepError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.table import Table

_COLOURS = {
    CheckStatus.OK: "green",
    CheckStatus.WARNING: "yellow",
    CheckStatus.WRONG: "red",
    CheckStatus.UNKNOWN: "magenta",
}


def table(found: Sequence[CheckResult]) -> Table:
    """The findings, for people."""
    from rich.table import Table  # noqa: PLC0415 - with --json nothing of it is needed
    from rich.text import Text  # noqa: PLC0415 - as above

    shown = Table(box=None, pad_edge=False)
    for column in ("CHECK", "VERDICT", "FOUND"):
        shown.add_column(column, overflow="fold")
    for each in found:
        told = Text(each.found + (f"\n→ {each.fix}" if each.fix else ""))
        shown.add_row(each.check, Text(each.status, style=_COLOURS[each.status]), told)
    return shown


def _patient(options: argparse.Namespace) -> Installation:
    settings, by = read_settings(options.settings), kubeconfig_transport()
    return Installation(
        settings=settings,
        kube=kube_client(settings, by=by),
        now=server_time(by, timeout_s=settings.kubernetes.timeout_s),
        env=os.environ,
        argo_namespace=options.argo_namespace,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, and tell; returns the exit code."""
    options = parsers.doctor().parse_args(arguments)
    try:
        found = check_installation(_patient(options), github=not options.no_github)
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    if options.json:
        print(json.dumps([asdict(each) for each in found], indent=1))
    else:
        open_console().print(table(found))
    return exit_code(found)


if __name__ == "__main__":
    sys.exit(main())
