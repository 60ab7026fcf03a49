"""What the kubelet gives a container to reach the API server: a token, the cluster's CA, and two variables.

Guarantees that a process which is started with it finds the API server as in a pod, by the same code. Not modelled: the
path of the mount, which is the same in every pod and cannot be made here; and the renewal of the token.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

# As `python -m MODULE`, with the mount elsewhere.
_PROGRAM = (
    "import pathlib, runpy, sys; from steps.kube import connection; "
    "connection.SERVICE_ACCOUNT = pathlib.Path(sys.argv.pop(1)); "
    "module = sys.argv.pop(1); runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """A service account, mounted.

    Attributes:
        folder: The mount.
        server: Address of the API server.
    """

    folder: Path
    server: str

    @classmethod
    def mount(cls, kubeconfig: Path, folder: Path) -> Self:
        """Write what a kubeconfig holds as the kubelet does.

        Args:
            kubeconfig: A JSON file of one cluster with a CA, and one user with a token.
            folder: The mount, which is made.
        """
        content: dict[str, Any] = json.loads(kubeconfig.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        if data := cluster.get("certificate-authority-data"):
            authority = base64.b64decode(data)
        else:
            authority = Path(cluster["certificate-authority"]).read_bytes()
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(authority)
        (folder / "token").touch(mode=0o600)
        (folder / "token").write_text(user["token"])
        return cls(folder=folder, server=cluster["server"])

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every container."""
        address = urlsplit(self.server)
        return {"KUBERNETES_SERVICE_HOST": address.hostname or "", "KUBERNETES_SERVICE_PORT": str(address.port or 443)}

    def command(self, words: Sequence[str], *, python: str = sys.executable) -> list[str]:
        """Return the command that runs `python -m MODULE ...` with this mount."""
        program, option, *module = words
        if (program, option) != ("python", "-m"):
            raise LookupError(f"not modelled: {' '.join(words)}")
        return [python, "-c", _PROGRAM, str(self.folder), *module]
