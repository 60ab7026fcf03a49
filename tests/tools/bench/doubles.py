"""The world of doubles: Kubernetes and GitHub on the loopback interface, with the rendered manifests applied.

Pods reach Kubernetes over TLS, as in a cluster. Not there: accounts and their rights, TLS to GitHub, and the platform's
controllers; an agent that is created stays as it is.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pipelines import names
from pipelines.manifests.bundle import all_manifests
from tests.doubles import github as github_double
from tests.doubles.kubernetes import ApiServer, serve, write_kubeconfig
from tests.doubles.platform.client import Client
from tests.doubles.platform.crd import CRD
from tests.doubles.service_account import ServiceAccount
from tests.integration.control_plane.installation import settings_with
from tests.integration.control_plane.pki import Authority
from tests.tools.bench.world import World, add_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def doubles(folder: Path) -> Iterator[World]:
    """Serve both doubles."""
    folder.mkdir()
    with ExitStack() as stack:
        github = github_double.GitHub()
        github_url = stack.enter_context(github_double.serve(github))
        settings = settings_with(
            {
                '"https://api.github.com"': f'"{github_url}"',
                "hosts = []": 'hosts = ["github.com"]',
            },
            folder=folder,
        )
        spaces = settings.namespaces
        api = ApiServer(namespaces=("default", spaces.workflows, spaces.agents[0], spaces.events))
        api.create(CRD)
        applied = {(each["kind"], each["metadata"]["name"]): api.create(each) for each in all_manifests(settings)}
        url = stack.enter_context(serve(api))
        kubeconfig = write_kubeconfig(folder / "kubeconfig", url)
        mount = folder / "account"
        mount.mkdir()
        (mount / "token").write_text("of the service account")
        pair = Authority(mount).issue("kubernetes", file_name="kubernetes")
        secure_url = stack.enter_context(serve(api, tls=pair.server()))
        client = Client(url=url)
        stack.callback(client.close)
        yield World(
            settings=settings,
            client=client,
            github=github,
            github_url=github_url,
            template=applied["WorkflowTemplate", names.TEMPLATE],
            kubeconfig=kubeconfig,
            account=ServiceAccount(folder=mount, server=secure_url),
            administrator=kubeconfig,
            secrets=add_credentials(github, folder / "secrets"),
        )
