"""The world of a real Kubernetes control plane, with the project installed as a user installs it.

Guarantees: steps run as the shipped service account; agents get their Jobs from the real Job controller and end on
SIGTERM at once. Not there: nodes (their pods are moved on by a double of the kubelet, every 50 ms) and Argo.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pipelines import names
from tests.doubles import github as github_double
from tests.doubles.platform.platform import install_crd
from tests.doubles.service_account import ServiceAccount
from tests.integration.control_plane.installation import install, settings_with
from tests.integration.control_plane.server import run
from tests.tools.bench.platform_process import platform
from tests.tools.bench.world import World, add_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def control_plane(folder: Path) -> Iterator[World]:
    """Start a control plane, install, and let the platform work."""
    folder.mkdir()
    with ExitStack() as stack:
        github = github_double.GitHub(primary_limit=10**6)
        github_url = stack.enter_context(github_double.serve(github))
        settings = settings_with(
            {
                '"https://api.github.com"': f'"{github_url}"',
                "hosts = []": 'hosts = ["github.com"]',
            },
            folder=folder,
        )
        plane = stack.enter_context(run(prepare=install_crd))
        installation = install(plane, settings=settings, folder=folder / "rendered")
        stack.callback(installation.client.close)
        namespace = settings.namespaces.agents[0]
        stack.enter_context(platform(kubeconfig=plane.kubeconfig, namespace=namespace))
        account = settings.namespaces.workflows, names.STEPS_ACCOUNT
        kubeconfig = plane.service_account_kubeconfig(*account, folder / "kubeconfig")
        yield World(
            settings=settings,
            client=installation.client,
            github=github,
            github_url=github_url,
            template=installation.template(),
            kubeconfig=kubeconfig,
            account=ServiceAccount.mount(kubeconfig, folder / "account"),
            administrator=plane.kubeconfig,
            secrets=add_credentials(github, folder / "secrets"),
        )
