"""Submit a cancellation from a laptop, and wait for its outcome.

    python -m pipelines.submit [--repository O/R] [--task N] [--ref REF] [--sha SHA] [--dry-run] [--no-wait] [--json]

What is not given is taken from the git checkout one stands in. Goes through Argo Server if ARGO_SERVER is set,
otherwise through the kubeconfig. The exit code is the cancellation's own (0, 65, 75, 77, 1).
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import subprocess
import sys
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import laptop
from pipelines.settings import read
from pipelines.submission import Cluster, KubernetesApi, Result, wait
from steps.clock import SystemClock
from steps.errors import Exit, StepError
from steps.runs import repository_of
from steps.workflow import workflow

if TYPE_CHECKING:
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
    """The Workflow's parameters: what was given, and what the checkout says."""
    ref = options.ref or _git("symbolic-ref", "--quiet", "HEAD")
    ref = ref if ref.startswith("refs/") or not ref else f"refs/heads/{ref}"
    match = re.fullmatch(settings.push.branch, ref, re.ASCII)
    login = re.sub(r"[^A-Za-z0-9._@-]", "-", getpass.getuser()).lstrip("._@-")
    return {
        "repository": options.repository or repository_of(_git("remote", "get-url", "origin")),
        "task-id": options.task or (match.group(1) if match else ""),
        "ref": ref,
        "sha": options.sha or _git("rev-parse", "HEAD"),
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
        from pipelines.argo_server import from_env  # noqa: PLC0415

        return from_env(os.environ, namespace=namespace)
    return KubernetesApi(kube=laptop.kube(settings, by=laptop.transport()), namespace=namespace)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agent-cancellation submit", description="Stop the stale agents of a task.")
    parser.add_argument("--settings", type=Path, default=Path("settings.toml"), help="settings file (settings.toml)")
    parser.add_argument("--repository", help="owner/name (git's origin)")
    parser.add_argument("--task", help="task id (from the branch)")
    parser.add_argument("--ref", help="branch or ref (git's current branch)")
    parser.add_argument("--sha", help="commit that was pushed (git's HEAD)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, write nothing")
    parser.add_argument("--no-wait", action="store_true", help="submit and leave")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds to wait (1800)")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    return parser


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
    options = _parser().parse_args(arguments)
    try:
        result = submit(options)
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    if options.json:
        print(json.dumps(asdict(result)))
    else:
        print(f"{result.name} {result.phase}" + (f": {result.message}" if result.message else ""))
    return result.exit


if __name__ == "__main__":
    sys.exit(main())
