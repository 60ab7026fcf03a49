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

from pipelines import installation_checks, laptop, parsers, platform_checks, secret_checks
from pipelines.diagnosis import Diagnosis, Patient, Verdict, examine, exit_code
from pipelines.settings import read
from steps.errors import StepError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.table import Table

CHECKS = {
    "namespaces": platform_checks.namespaces,
    "kinds": platform_checks.kinds,
    "argo": platform_checks.argo,
    "argo's mode": platform_checks.restrictions,
    "event bus": platform_checks.event_bus,
    "objects": installation_checks.drift,
    "access": installation_checks.access,
    "limits": installation_checks.limits,
    "webhook secret": secret_checks.webhook_secret,
    "events": installation_checks.events,
    "webhook": installation_checks.webhook,
    "reconcile": installation_checks.schedule,
    "tasks": installation_checks.handed_over,
    "github secret": secret_checks.github_secret,
    "github's ca": secret_checks.github_ca,
    "github": secret_checks.github_access,
}
_COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.WRONG: "red", Verdict.UNKNOWN: "magenta"}


def table(found: Sequence[Diagnosis]) -> Table:
    """The findings, for people."""
    from rich.table import Table  # noqa: PLC0415 - with --json nothing of it is needed
    from rich.text import Text  # noqa: PLC0415 - as above

    shown = Table(box=None, pad_edge=False)
    for column in ("CHECK", "VERDICT", "FOUND"):
        shown.add_column(column, overflow="fold")
    for each in found:
        told = Text(each.found + (f"\n→ {each.remedy}" if each.remedy else ""))
        shown.add_row(each.check, Text(each.verdict, style=_COLOURS[each.verdict]), told)
    return shown


def look(patient: Patient, *, github: bool = True) -> list[Diagnosis]:
    """Everything that the checks find."""
    checks = {name: check for name, check in CHECKS.items() if github or name != "github"}
    return list(examine(patient, checks))


def _patient(options: argparse.Namespace) -> Patient:
    settings, by = read(options.settings), laptop.transport()
    return Patient(
        settings=settings,
        kube=laptop.kube(settings, by=by),
        now=laptop.server_time(by, timeout_s=settings.kubernetes.timeout_s),
        env=os.environ,
        argo_namespace=options.argo_namespace,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, and tell; returns the exit code."""
    options = parsers.doctor().parse_args(arguments)
    try:
        found = look(_patient(options), github=not options.no_github)
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    if options.json:
        print(json.dumps([asdict(each) for each in found], indent=1))
    else:
        laptop.console().print(table(found))
    return exit_code(found)


if __name__ == "__main__":
    sys.exit(main())
