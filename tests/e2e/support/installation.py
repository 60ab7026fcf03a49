"""The project in the cluster, installed by the README's commands.

Guarantees: what is applied is what the packaged settings render, but for the image's name and GitHub's address; the
workflows' namespace admits only pods that meet the `restricted` Pod Security Standard. Reconcile's schedule is
suspended until a test lets it run, since it would finish what other tests interrupt on purpose.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines import names
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import write_files
from pipelines.settings import Settings
from tests.integration.control_plane.binaries import find
from tests.integration.control_plane.installation import settings_with

TOKEN = "ghs_cluster"
SECRET = "the webhook's secret"
# What selects all that belongs to the project.
MANAGED_BY = "app.kubernetes.io/managed-by=agent-cancellation"
# The only port that the rendered NetworkPolicy leaves open for GitHub.
GITHUB_PORT = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """Run kubectl as the administrator."""

    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Run it; its output.

        Raises:
            KubectlError: It failed.
        """
        command = [*self.command(), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def command(self) -> list[str]:
        """How it begins."""
        return [str(find().kubectl), "--kubeconfig", str(self.kubeconfig)]


class KubectlError(Exception):
    """kubectl failed."""


def settings_for(host: str, image: str, *, folder: Path, changes: Mapping[str, str] | None = None) -> Settings:
    """The shipped settings with GitHub's double on this host, and with further texts replaced if need be."""
    changed = {
        '"https://api.github.com"': f'"http://{host}:{GITHUB_PORT}"',
        "hosts = []": 'hosts = ["github.com"]',
        '"agent-cancellation:0.1.0"': f'"{image}"',
    }
    return settings_with(changed | dict(changes or {}), folder=folder)


def prepare(kubectl: Kubectl, settings: Settings) -> None:
    """Namespaces and secrets. Done twice, it changes nothing."""
    spaces = settings.namespaces
    for name in (spaces.workflows, *spaces.agents, spaces.events):
        _apply(kubectl, "create", "namespace", name)
    kubectl("label", "--overwrite", "namespace", spaces.workflows, "pod-security.kubernetes.io/enforce=restricted")
    github, webhook = settings.workflow.credentials_secret, settings.events.webhook_secret
    _apply(kubectl, "-n", spaces.workflows, "create", "secret", "generic", github, f"--from-literal=token={TOKEN}")
    _apply(kubectl, "-n", spaces.events, "create", "secret", "generic", webhook, f"--from-literal=secret={SECRET}")


def install(kubectl: Kubectl, settings: Settings, *, folder: Path) -> None:
    """Render and apply."""
    write_files(render_files(settings), output=folder)
    kubectl("apply", "-k", str(folder))
    suspend(kubectl, settings, suspended=True)


def suspend(kubectl: Kubectl, settings: Settings, *, suspended: bool) -> None:
    """Suspend reconcile's schedule, as `argo cron suspend` does, or let it run."""
    patch = json.dumps({"spec": {"suspend": suspended}})
    target = ["-n", settings.namespaces.workflows, "patch", "cronworkflow", names.RECONCILE]
    kubectl(*target, "--type=merge", f"--patch={patch}")


@contextmanager
def scheduled(kubectl: Kubectl, settings: Settings) -> Iterator[None]:
    """Let reconcile's schedule run, as it does in an installation, until the context is left."""
    suspend(kubectl, settings, suspended=False)
    try:
        yield
    finally:
        suspend(kubectl, settings, suspended=True)


def _apply(kubectl: Kubectl, *create: str) -> None:
    kubectl("apply", "-f", "-", stdin=kubectl(*create, "--dry-run=client", "--output=yaml"))
