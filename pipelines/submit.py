"""Submit a cancellation from a laptop, and wait for its outcome.

    agent-cancellation submit [--repository O/R] [--task N | --pr N] [--ref REF] [--sha SHA] [--dry-run] [--json]

What is not given is taken from the pull request (with GITHUB_TOKEN), or from the git checkout one stands in. Goes
through Argo Server if ARGO_SERVER is set, otherwise through the kubeconfig. The exit code is the cancellation's own (0,
65, 75, 77, 1).
"""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
import sys
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipelines import laptop, parsers
from pipelines.settings import read
from pipelines.submission import Cluster, KubernetesApi, Result, wait
from steps.clock import SystemClock
from steps.errors import BadInputError, Exit, StepError
from steps.runs import repository_of
from steps.workflow import workflow

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pipelines.settings import Settings


def _git(*arguments: str) -> str:
    """What git says here; empty if it says nothing."""
    try:
        ran = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603, S607 - fixed words
    except OSError:
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def _values(options: argparse.Namespace, *, settings: Settings) -> dict[str, str]:
    """The Workflow's parameters: what was given, and what the pull request or the checkout says."""
    repository = options.repository or repository_of(_git("remote", "get-url", "origin"))
    branch, head = _head(options.pr, repository=repository, settings=settings) if options.pr else ("", "")
    ref = options.ref or branch or _git("symbolic-ref", "--quiet", "HEAD")
    ref = ref if ref.startswith("refs/") or not ref else f"refs/heads/{ref}"
    match = re.fullmatch(settings.push.branch, ref, re.ASCII)
    login = re.sub(r"[^A-Za-z0-9._@-]", "-", getpass.getuser()).lstrip("._@-")
    return {
        "repository": repository,
        "task-id": options.task or (match.group(1) if match else ""),
        "ref": ref,
        "sha": options.sha or head or _git("rev-parse", "HEAD"),
        "pushed-at": str(int(SystemClock().now().timestamp())),
        "correlation-id": f"manual-{uuid.uuid4()}",
        "reason": "manual",
        "dry-run": "true" if options.dry_run else "false",
        "requested-by": login or "unknown",
    }


def _head(number: int, *, repository: str, settings: Settings) -> tuple[str, str]:
    """Branch and head of a pull request, as GitHub has it."""
    # Imported on use: a checkout does without GitHub.
    from pipelines.laptop_github import connect  # noqa: PLC0415

    token = os.environ.get("GITHUB_TOKEN", "")
    if not repository:
        raise BadInputError("--pr: say which repository by --repository, or stand in a checkout of it")
    if not token:
        raise BadInputError("--pr: set GITHUB_TOKEN, or give --ref and --sha instead")
    github = connect(settings.github, found={"token": token}, where="GITHUB_TOKEN")
    return github.head(repository=repository, number=number)


def _cluster(settings: Settings) -> Cluster:
    namespace = settings.namespaces.workflows
    if os.environ.get("ARGO_SERVER"):
        # Imported on use: Hera costs more than a second.
        from pipelines.argo_server import from_env  # noqa: PLC0415

        return from_env(os.environ, namespace=namespace)
    return KubernetesApi(kube=laptop.kube(settings, by=laptop.transport()), namespace=namespace)


def submit(options: argparse.Namespace) -> Result:
    """Submit and wait.

    Raises:
        StepError: A parameter is wrong, or the cluster refuses or does not answer.
    """
    settings = read(options.settings)
    wanted = workflow(_values(options, settings=settings), settings=settings)
    cluster = _cluster(settings)
    name = cluster.create(wanted)["metadata"]["name"]
    print(f"{name} submitted", file=sys.stderr)
    if options.no_wait:
        return Result(name=name, phase="Pending", message="", exit=Exit.DONE)
    return wait(
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
