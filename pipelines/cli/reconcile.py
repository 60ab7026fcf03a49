"""One pass of reconcile from a laptop: what is wrong, and what is done about it.

    python -m pipelines.cli.reconcile [--dry-run] [--json] [--settings FILE]

Goes through the kubeconfig, with its user's rights. `--dry-run` writes nothing. Ages are judged by the API server's
clock, not by the laptop's. GitHub is asked with GITHUB_TOKEN; without it lost pushes are not looked for, and that is
said.
"""

from __future__ import annotations

import getpass
import io
import json
import os
import random
import sys
import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.table import Table

from pipelines.cli import parsers
from pipelines.cli.output import open_console
from pipelines.client import kube_client, kubeconfig_transport, server_time
from pipelines.settings import read_settings
from steps.core import Exit, ForbiddenError, StepError, SystemClock
from steps.github import environment_connection
from steps.lease import Holder
from steps.reconciliation import PassResult, ReconcileContext, run_pass
from steps.runtime import Clients, build_breakers, connect_github
from steps.telemetry import Audit, Log, Measurements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipelines.settings import Settings
    from steps.github import GitHub
    from steps.kube import Transport
    from steps.settings import GitHubSettings


def reconcile_context(settings: Settings, *, transport: Transport, dry_run: bool) -> ReconcileContext:
    """What a pass works with, outside the cluster."""
    clock = SystemClock()
    log = Log(clock=clock, stream=io.StringIO() if dry_run else sys.stderr)
    kube = kube_client(settings, by=transport, log=log)
    known = build_breakers(settings, kube=kube, clock=clock, log=log)
    measurements, alone = Measurements(), replace(settings.github, handover="")
    return ReconcileContext(
        settings=settings,
        workflow="laptop",
        started_at=server_time(transport, timeout_s=settings.kubernetes.timeout_s),
        started=clock.monotonic(),
        holder=Holder(pod="", pod_uid=str(uuid.uuid4()), workflow_uid=getpass.getuser()),
        clients=Clients(
            kube=kube,
            github=partial(
                _github,
                usual=alone,
                clock=clock,
                breaker=known.github,
                measured=measurements,
                audit=Audit(log=log),
                route=environment_connection(os.environ),
            ),
            breakers=known,
        ),
        clock=clock,
        random=random.random,
        log=log,
        measurements=measurements,
        dry_run=dry_run,
    )


def _github(keep: Callable[[], None], settings: GitHubSettings | None = None, **how: Any) -> GitHub:  # noqa: ANN401 - connect_github's
    """GitHub as the person who asks, or with credentials where the pods have them.

    Raises:
        ForbiddenError: There are none.
    """
    # Imported on use: it costs half a second.
    from github.Auth import Token  # noqa: PLC0415

    token = os.environ.get("GITHUB_TOKEN", "")
    try:
        return connect_github(keep, settings, auth=Token(token) if token else None, **how)
    except ForbiddenError as error:
        raise ForbiddenError("no GitHub credentials here: set GITHUB_TOKEN, and lost pushes are looked for") from error


def rows(done: PassResult) -> list[dict[str, str]]:
    """What a pass found, one line each."""
    found = [
        {
            "finding": str(intent.finding.kind),
            "repository": intent.finding.repository,
            "task": intent.finding.task,
            "action": str(intent.action) + (f" ({intent.reason})" if intent.reason else ""),
            "detail": intent.finding.detail,
            "advice": intent.finding.advice,
        }
        for intent in done.intents
    ]
    idle = [
        {
            "finding": "idle",
            "repository": task_state.repository,
            "task": task_state.task,
            "action": "delete the Lease",
            "detail": f"last used at {task_state.renewed_at}",
            "advice": "",
        }
        for task_state in done.idle
    ]
    return found + idle


def table(done: PassResult, *, dry_run: bool) -> Table:
    """The same for people."""
    found = rows(done)
    title = f"{len(found)} findings" + (", nothing was done" if dry_run else "")
    shown = Table(title=title, title_justify="left")
    for column in ("finding", "repository", "task", "action", "detail"):
        shown.add_column(column, overflow="fold")
    for row in found:
        detail = row["detail"] + (f"\n→ {row['advice']}" if row["advice"] else "")
        shown.add_row(row["finding"], row["repository"], row["task"], row["action"], detail)
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, and mend unless it is a dry run; returns the exit code."""
    options = parsers.reconcile().parse_args(arguments)
    try:
        done = run_pass(
            reconcile_context(
                read_settings(options.settings), transport=kubeconfig_transport(), dry_run=options.dry_run
            )
        )
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    if options.json:
        print(json.dumps({"findings": rows(done), "unread": list(done.unread)}, indent=1))
        return Exit.DONE
    console = open_console()
    console.print(table(done, dry_run=options.dry_run))
    for problem in done.unread:
        console.print(f"not read: {problem}")
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
