"""The scene of a newcomer: from an empty folder and a wheel to an agent that a push has stopped, with the time it took.

Guarantees that the commands are those of docs/install.md, that nothing of the project is installed before, and that the
cluster is as it was afterwards. Argo, the EventBus, the namespaces and the image are there already.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.provision.cluster import Cluster, up
from tests.e2e.provision.starting import until_webhooks_are_taken
from tests.e2e.support.installation import SECRET, TOKEN
from tests.e2e.support.stage import Stage
from tests.e2e.support.task import REPOSITORY
from tests.tools.captures.terminal import Terminal

ROOT = Path(__file__).parents[3]
_SENDER = "5DLabs-Rex[bot]"


def newcomer(stage: Stage, terminal: Terminal) -> None:
    """Play it."""
    spaces, image = stage.cluster.settings.namespaces, stage.cluster.image
    stage.agent()
    with _nothing_installed(stage.cluster):
        _prepare(terminal.folder, api_url=stage.cluster.settings.github.api_url)
        for command in (
            "SECONDS=0; mkdir deploy && cd deploy",
            "python3 -m venv ~/tool && ~/tool/bin/pip install -q $(echo ~/*.whl)[generate]",
            "PATH=~/tool/bin:$PATH; type agent-cancellation",
            f"agent-cancellation init --repository {REPOSITORY} --sender '{_SENDER}' --image {image} </dev/null",
            "cat ~/enterprise-server.toml >> settings.toml && agent-cancellation render",
            f"kubectl -n {spaces.workflows} create secret generic agent-cancellation-github --from-file=../token",
            f"kubectl -n {spaces.events} create secret generic github-webhook-secret --from-file=../secret",
            "kubectl apply -k . | tail -n 3",
        ):
            terminal.type(command)
        until_webhooks_are_taken(stage.cluster)
        stage.url = stage.cluster.webhook  # its Service is a new one
        delivery = stage.push()
        assert stage.deliver(delivery) == 200
        stage.finished(delivery)
        terminal.type('agent-cancellation status; echo "$SECONDS seconds"')


def _prepare(home: Path, *, api_url: str) -> None:
    """Write what a person has: the wheel, GitHub's token, the webhook's secret, the address of their GitHub."""
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(home)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (home / "token").write_text(TOKEN)
    (home / "secret").write_text(SECRET)
    (home / "enterprise-server.toml").write_text(f'\n[github]\napi_url = "{api_url}"\nhosts = ["github.com"]\n')


@contextmanager
def _nothing_installed(cluster: Cluster) -> Iterator[None]:
    """Remove the project until the context ends."""
    spaces, settings = cluster.settings.namespaces, cluster.settings
    cluster.kubectl("delete", "-k", str(cluster.folder / "rendered"), "--wait")
    cluster.kubectl("-n", spaces.workflows, "delete", "secret", settings.workflow.credentials_secret)
    cluster.kubectl("-n", spaces.events, "delete", "secret", settings.events.webhook_secret)
    try:
        yield
    finally:
        up(None)
