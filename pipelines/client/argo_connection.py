"""Argo Server from the environment, without Hera's import for those who do not use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.client.argo_server import ArgoServer


def argo_server_from_env(env: Mapping[str, str], *, namespace: str) -> ArgoServer:
    """Connect to the Argo Server that the environment names.

    Args:
        env: The variables of the `argo` command: ARGO_SERVER, ARGO_TOKEN and others.
        namespace: Namespace of the Workflows. ARGO_NAMESPACE does not count: the template is in this one.

    Raises:
        BadInputError: ARGO_SERVER is not set, or REQUESTS_CA_BUNDLE names a missing file.
    """
    # Hera's import costs almost a second, and only this client needs it.
    from pipelines.client.argo_server import connect_argo_server  # noqa: PLC0415

    return connect_argo_server(env, namespace=namespace)
