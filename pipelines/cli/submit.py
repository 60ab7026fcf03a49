"""Submit a cancellation from a laptop and wait for its outcome.

    agent-cancellation submit [--repository O/R] [--task N | --pr N] [--ref REF] [--sha SHA] [--dry-run] [--json]

Takes omitted options from the current checkout, or from the pull request (with GITHUB_TOKEN; HTTPS_PROXY, NO_PROXY and
REQUESTS_CA_BUNDLE count): the number of a task or of a pull request is enough. Goes through Argo Server if ARGO_SERVER
is set, otherwise through the kubeconfig. The exit code is that of the cancellation (0, 65, 75, 77, 1).
"""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from typing import TYPE_CHECKING

from pipelines.cli.help_text import CLUSTER_VARIABLES, REMOTE_EXITS
from pipelines.cli.options import (
    add_command,
    add_context,
    add_json,
    add_settings,
    pull_request_number,
    seconds,
    task_argument,
)

if TYPE_CHECKING:
    import argparse

    from pipelines.cli.options import Subparsers
    from pipelines.client import Cluster, SubmissionResult
    from pipelines.settings import Settings


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(
        subparsers,
        "submit",
        run=run,
        summary="stop the stale agents of a task now, and wait for it",
        examples=(
            "submit --task 7 --dry-run",
            'submit --ref task-7-fix --sha "$(git rev-parse HEAD)"',
        ),
        variables=(*CLUSTER_VARIABLES, "ARGO_SERVER", "GITHUB_TOKEN", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE"),
        exits=REMOTE_EXITS
        | {0: "done or superseded", 1: "the cancellation failed", 130: "interrupted; the Workflow goes on"},
    )
    add_settings(parser)
    add_context(parser)
    parser.add_argument(
        "--repository", metavar="OWNER/NAME", help="repository (git's origin, or the only one in the settings)"
    )
    parser.add_argument(
        "--task", type=task_argument, metavar="TASK", help="task id, to find its pull request (from the branch)"
    )
    parser.add_argument(
        "--pr", type=pull_request_number, metavar="NUMBER", help="pull request that gives branch and head"
    )
    parser.add_argument("--ref", help="branch or ref (git's current branch, or the pull request's)")
    parser.add_argument("--sha", help="commit that was pushed (git's HEAD, or the pull request's)")
    parser.add_argument(
        "--include-newer",
        action="store_true",
        help="also stop runs that began after the head's push, unless they name its commit",
    )
    parser.add_argument("--dry-run", action="store_true", help="report what would be done, write nothing")
    parser.add_argument("--watch", action="store_true", help="wait and show progress (the default)")
    parser.add_argument("--no-wait", action="store_true", help="submit and exit")
    parser.add_argument("--timeout", type=seconds, default=1800.0, metavar="SECONDS", help="how long to wait (1800)")
    add_json(parser, "print the outcome as JSON")


def run(options: argparse.Namespace) -> int:
    """Submit and wait; returns the exit code.

    Raises:
        StepError: A parameter is wrong, or the cluster refuses or does not answer.
    """
    result = _submit(options)
    if options.json:
        from dataclasses import asdict

        print(json.dumps(asdict(result)))
    else:
        print(f"{result.name} {result.phase}" + (f": {result.message}" if result.message else ""))
        if result.report:
            print(result.report)
    return result.exit


def _submit(options: argparse.Namespace) -> SubmissionResult:
    from pipelines.cli.given_settings import given_settings
    from pipelines.client import SubmissionResult, wait_for_workflow
    from steps.cancellation import build_workflow
    from steps.core import Exit, SystemClock

    settings = given_settings(options)
    workflow = build_workflow(_parameters(options, settings=settings), settings=settings)
    cluster = _cluster(settings, context=options.context)
    name = cluster.create(workflow)["metadata"]["name"]
    print(f"{name} submitted", file=sys.stderr)
    if options.no_wait:
        return SubmissionResult(name=name, phase="Pending", message="", exit=Exit.DONE)
    return wait_for_workflow(
        name,
        cluster=cluster,
        clock=SystemClock(),
        deadline_s=options.timeout,
        progress=lambda state: print(f"{name} {state}", file=sys.stderr, flush=True),
    )


def _parameters(options: argparse.Namespace, *, settings: Settings) -> dict[str, str]:
    """Build the Workflow's parameters."""
    from pipelines.client import UNKNOWN, find_push, login_name
    from steps.core import SystemClock
    from steps.domain import MANUAL_ALL_REASON, MANUAL_REASON

    target = find_push(options, settings=settings)
    login = re.sub(r"[^A-Za-z0-9._@-]", "-", login_name()).lstrip("._@-")
    return {
        "repository": target.repository,
        "task-id": target.task,
        "ref": target.ref,
        "sha": target.sha,
        "pushed-at": str(int(SystemClock().now().timestamp())),
        "correlation-id": f"manual-{uuid.uuid4()}",
        "reason": MANUAL_ALL_REASON if options.include_newer else MANUAL_REASON,
        "dry-run": "true" if options.dry_run else "false",
        "requested-by": login or UNKNOWN,
    }


def _cluster(settings: Settings, *, context: str) -> Cluster:
    """Connect through Argo Server, or through the kubeconfig if there is none or a context is given."""
    namespace = settings.namespaces.workflows
    if os.environ.get("ARGO_SERVER") and not context:
        from pipelines.client import argo_server_from_env

        return argo_server_from_env(os.environ, namespace=namespace)
    from pipelines.client import KubernetesApi, kube_client, kubeconfig_transport

    return KubernetesApi(
        kube=kube_client(settings, transport=kubeconfig_transport(context=context)), namespace=namespace
    )
