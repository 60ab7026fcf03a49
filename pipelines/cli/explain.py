"""Explain why each agent of a task was or was not cancelled, from the task's record.

    agent-cancellation explain TASK [--repository O/R] [--json]

Reads the Lease and the Workflows through the kubeconfig and writes nothing. Exits with 1 if the task has no record.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pipelines.cli.options import add_command, add_json, add_settings, task_argument

if TYPE_CHECKING:
    import argparse

    from pipelines.cli.options import Subparsers

_WIDTH = 120


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(subparsers, "explain", run=run, summary="explain why each agent was or was not cancelled")
    add_settings(parser)
    parser.add_argument("task", type=task_argument, metavar="TASK", help="task id")
    parser.add_argument(
        "--repository", default="", metavar="OWNER/NAME", help="repository, if several have a task with this id"
    )
    add_json(parser, "print the record as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the explanation; returns the exit code.

    Raises:
        StepError: The settings are bad, or the API server refuses or does not answer.
    """
    from pipelines.cli.explanation import explain_task
    from pipelines.cli.output import open_console
    from pipelines.client import (
        kube_client,
        kubeconfig_transport,
        read_task_statuses,
        server_time,
        task_status_json,
    )
    from pipelines.settings import read_settings
    from steps.core import Exit
    from steps.domain import dump_record

    settings, transport = read_settings(options.settings), kubeconfig_transport()
    found = [
        each
        for each in read_task_statuses(settings, kube=kube_client(settings, transport=transport), task=options.task)
        if not options.repository or each.repository.casefold() == options.repository.casefold()
    ]
    now = server_time(transport, timeout_s=settings.kubernetes.timeout_s)
    if not found:
        where = f" of {options.repository}" if options.repository else ""
        print(f"no cancellation recorded for task {options.task}{where}", file=sys.stderr)
        return Exit.BUG
    if options.json:
        records = [{"record": json.loads(dump_record(each.record)) if each.record else None} for each in found]
        print(json.dumps([task_status_json(each) | more for each, more in zip(found, records, strict=True)], indent=1))
        return Exit.DONE
    console = open_console(width=_WIDTH)
    for number, each in enumerate(found):
        if number:
            console.print()
        for sentence in explain_task(each, now=now):
            console.print(sentence)
    return Exit.DONE
