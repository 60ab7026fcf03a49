"""The platform's controller and nodes, as a process of their own: what they do must not slow down what is measured.

    python -m tests.tools.bench.platform_process KUBECONFIG NAMESPACE

Guarantees: it ends when its standard input does, so that it cannot outlive the run that started it.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.doubles.platform.client import Client
from tests.doubles.platform.controller import Controller
from tests.doubles.platform.kubelet import Kubelet
from tests.doubles.platform.running import running
from tests.tools.bench.measured import BenchError
from tests.tools.bench.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_S = 30


@contextmanager
def platform(*, kubeconfig: Path, namespace: str) -> Iterator[None]:
    """Let the platform work until the context is left."""
    command = [sys.executable, "-m", "tests.tools.bench.platform_process", str(kubeconfig), namespace]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield
        finally:
            _, said = process.communicate(timeout=LIMIT_S)
    if process.returncode:
        raise BenchError(f"the platform's doubles ended with {process.returncode}:\n{said}")


def main() -> int:
    """Work until standard input ends."""
    client, namespace = Client.from_kubeconfig(Path(sys.argv[1])), sys.argv[2]
    with running(Controller(client=client, namespace=namespace), Kubelet(client=client, namespace=namespace)):
        sys.stdin.read()
    client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
