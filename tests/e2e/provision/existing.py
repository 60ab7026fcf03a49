"""A cluster that somebody else runs (kind, k3d, EKS), on which the same tests run: `pytest tests/e2e --existing`.

Guarantees: nothing is built or started; Argo stays as it is. Installed are the project, in the namespaces that
`settings.toml` names, and the CRD of agent runs. Not guaranteed: that the cluster is as before; these tests are for one
that may be thrown away.

What has to be there: Argo Workflows 4.1 with Argo Server, Argo Events 1.9 with an EventBus `default` in the events'
namespace, kubectl and argo on the path; and in the environment what `WANTED` names.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.provision.readiness import ClusterError

SWITCH = "E2E_EXISTING"
WANTED = {
    "KUBECONFIG": "the kubeconfig of its administrator",
    "E2E_HOST": "this machine's address, as pods reach it: GitHub's double and the agents' reports use it",
    "E2E_IMAGE": "the steps' image, as its nodes pull it (make image)",
    "E2E_AGENT_IMAGE": "an image with python3 for agents, as its nodes have or pull it",
}
_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """What the environment says about the cluster.

    Attributes:
        host: This machine's address, as pods reach it.
        argo_namespace: Where Argo's controller and server are.
        referencing: Argo's `templateReferencing` there.
    """

    kubeconfig: Path
    host: str
    image: str
    agent_image: str
    argo_namespace: str
    referencing: str


def given(environ: Mapping[str, str] = os.environ) -> Existing | None:
    """What the environment says; None if the tests are to make a cluster of their own.

    Raises:
        ClusterError: Something is missing.
    """
    if not environ.get(SWITCH):
        return None
    missing = [f"{name}: {what}" for name, what in WANTED.items() if not environ.get(name)]
    if missing:
        raise ClusterError("an existing cluster needs, in the environment:\n  " + "\n  ".join(missing))
    return Existing(
        kubeconfig=Path(environ["KUBECONFIG"]),
        host=environ["E2E_HOST"],
        image=environ["E2E_IMAGE"],
        agent_image=environ["E2E_AGENT_IMAGE"],
        argo_namespace=environ.get("E2E_ARGO_NAMESPACE", "argo"),
        referencing=environ.get("E2E_REFERENCING", "none"),
    )


def argo_command() -> Path:
    """The `argo` command of the person who runs the tests.

    Raises:
        ClusterError: It is not on the path.
    """
    if found := shutil.which("argo"):
        return Path(found)
    raise ClusterError("the command argo is not on the path: install Argo's CLI of the cluster's version")


def forward(kubectl: list[str], *, service: str, namespace: str, port: int) -> str:
    """Forward a local port to a service until this process ends; where it listens.

    Raises:
        ClusterError: It cannot be forwarded.
    """
    command = [*kubectl, "-n", namespace, "port-forward", f"service/{service}", f":{port}", "--address=127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    atexit.register(_end, process)
    assert process.stdout is not None
    watchdog = threading.Timer(_DEADLINE_S, process.kill)
    watchdog.start()
    output = process.stdout.readline()
    watchdog.cancel()
    found = _FORWARDING.search(output)
    if found is None:
        raise ClusterError(f"no way to service {service} of {namespace}: {output.strip() or 'kubectl says nothing'}")
    # kubectl prints a line for each connection. If nothing reads them, it blocks once the pipe is full.
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return f"127.0.0.1:{found[1]}"


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    process.wait()
