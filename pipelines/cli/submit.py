"""Submit a cancellation from a laptop, and wait for its outcome.

    agent-cancellation submit [--repository O/R] [--task N | --pr N] [--ref REF] [--sha SHA] [--dry-run] [--json]

What is not given is taken from the checkout one stands in, or from the pull request (with GITHUB_TOKEN, by HTTPS_PROXY,
NO_PROXY and REQUESTS_CA_BUNDLE): the number of a task or of a pull request is enough. Goes through Argo Server if
ARGO_SERVER is set, otherwise through the kubeconfig. The exit code is the cancellation's own (0, 65, 75, 77, 1).
"""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipelines.cli import parsers
from pipelines.client import (
    Cluster,
    KubernetesApi,
    SubmissionResult,
    find_push,
    kube_client,
    kubeconfig_transport,
    wait_for_workflow,
)
from pipelines.settings import read_settings
from steps.cancellation import build_workflow
from steps.core import Exit, StepError, SystemClock

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pipelines.settings import Settings


def _values(options: argparse.Namespace, *, settings: Settings) -> dict[str, str]:
    """The Workflow's parameters."""
    target = find_push(options, settings=settings)
    login = re.sub(r"[^A-Za-z0-9._@-]", "-", getpass.getuser()).lstrip("._@-")
    return {
        "repository": target.repository,
        "task-id": target.task,
        "ref": target.ref,
        "sha": target.sha,
        "pushed-at": str(int(SystemClock().now().timestamp())),
        "correlation-id": f"manual-{uuid.uuid4()}",
        "reason": "manual",
        "dry-run": "true" if options.dry_run else "false",
        "requested-by": login or "unknown",
    }


def _cluster(settings: Settings) -> Cluster:
    namespace = settings.namespaces.workflows
    if os.environ.get("ARGO_SERVER"):
        # Imported on use: Hera costs more than a second.
        from pipelines.client import argo_server_from_env  # noqa: PLC0415

        return argo_server_from_env(os.environ, namespace=namespace)
    return KubernetesApi(kube=kube_client(settings, by=kubeconfig_transport()), namespace=namespace)


def submit(options: argparse.Namespace) -> SubmissionResult:
    """Submit and wait.

    Raises:
        StepError: A parameter is wrong, or the cluster refuses or does not answer.
    """
    settings = read_settings(options.settings)
    wanted = build_workflow(_values(options, settings=settings), settings=settings)
    cluster = _cluster(settings)
    name = cluster.create(wanted)["metadata"]["name"]
    print(f"{name} submitted", file=sys.stderr)
    if options.no_wait:
        return SubmissionResult(name=name, phase="Pending", message="", exit=Exit.DONE)
    return wait_for_workflow(
        name,
        cluster=cluster,
        clock=SystemClock(),
        deadline_s=options.timeout,
        tell=lambda doing: print(f"{name} {doing}", file=sys.stderr, flush=True),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Submit; returns the exit code."""
    options = parsers.submit().parse_args(arguments)
    try:
        result = submit(options)
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    if options.json:
        print(json.dumps(asdict(result)))
    else:
        print(f"{result.name} {result.phase}" + (f": {result.message}" if result.message else ""))
        if result.report:
            print(result.report)
    return result.exit


if __name__ == "__main__":
    sys.exit(main())
