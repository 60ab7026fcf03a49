"""Connects to the API server: as the pod's service account, or as a kubeconfig says.

Guarantees that a pod connects directly and trusts the cluster's CA alone: a cluster may put a proxy into the
environment of every pod. The kubelet renews the token file while the pod lives; each request reads it. The `kubernetes`
library could read the same two files, but it was most of the image and a third of a start (docs/decisions/0018).
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from urllib3 import PoolManager

from steps.core import BadInputError, is_header_value
from steps.kube.http_transport import KubernetesTransport

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where the kubelet mounts a service account, and what it puts into the environment of every container.
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_HOST, _PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
# Idle connections that are kept, more than any step uses at a time: they cost nothing until they are used.
_CONNECTIONS = 100


class ServiceAccountToken:
    """The token of the pod's service account. Threads may share it."""

    def __init__(self, file: Path) -> None:
        """Read the token.

        Raises:
            OSError: The file cannot be read.
            ValueError: The file is empty, or holds no token.
        """
        self._file = file
        self._newest = self._read()

    def authorization(self) -> str:
        """Return the header's value; while the file cannot be read, with the token that it had."""
        # A token outlives its renewal by minutes. If this one has expired, the API server refuses the request.
        with suppress(OSError, ValueError):
            self._newest = self._read()
        return f"Bearer {self._newest}"

    def _read(self) -> str:
        token = self._file.read_text(encoding="utf-8", errors="replace").strip()
        if not token:
            raise ValueError(f"{self._file} is empty")
        if not is_header_value(token):
            raise ValueError(f"{self._file} does not hold a token")
        return token


def connect_kubernetes(*, context: str = "") -> KubernetesTransport:
    """Connect as the pod's service account, or as KUBECONFIG says outside a cluster.

    Args:
        context: Context of the kubeconfig; empty for the current one.

    Raises:
        BadInputError: There is neither.
    """
    try:
        if file := os.environ.get("KUBECONFIG"):
            # Imported here, since the image does not carry the library.
            from steps.kube.kubeconfig import read_kubeconfig  # noqa: PLC0415

            return read_kubeconfig(file, context=context)
        return _connect_pod(os.environ, folder=SERVICE_ACCOUNT)
    except ModuleNotFoundError as error:
        raise BadInputError(
            f"KUBECONFIG is set, but the package {error.name} is not installed: in a pod, remove KUBECONFIG; "
            "on a laptop, install agent-cancellation[generate]"
        ) from error
    except (OSError, ValueError) as error:
        raise BadInputError(f"no Kubernetes credentials: run in a pod, or set KUBECONFIG ({error})") from error


def _connect_pod(environ: Mapping[str, str], *, folder: Path) -> KubernetesTransport:
    """Connect as the service account whose files are in a folder.

    Raises:
        OSError: The token cannot be read.
        ValueError: A variable is missing, the token is empty, or there is no certificate of a CA.
    """
    if missing := [name for name in (_HOST, _PORT) if not environ.get(name)]:
        raise ValueError(f"{missing[0]} is not set")
    host, file = environ[_HOST], folder / "ca.crt"
    try:
        tls = ssl.create_default_context(cafile=str(file))
    except OSError as error:
        raise ValueError(f"{file}: {error}") from error
    return KubernetesTransport(
        host=f"https://{f'[{host}]' if ':' in host else host}:{environ[_PORT]}",
        pool=PoolManager(maxsize=_CONNECTIONS, ssl_context=tls),
        authorization=ServiceAccountToken(folder / "token").authorization,
    )
