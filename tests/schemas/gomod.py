"""Go modules as sources of data, pinned by go/go.mod and go/go.sum.

Guarantees: the go command verifies each module against go.sum. Does not: build or run anything from a module.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.schemas.cache import Unavailable

_PINS = Path(__file__).parent / "go"
_TIMEOUT_S = 300
ARGO_WORKFLOWS = "github.com/argoproj/argo-workflows/v4"
ARGO_EVENTS = "github.com/argoproj/argo-events"
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator"


def version(module: str) -> str:
    """Give the pinned version of a module."""
    for line in (_PINS / "go.sum").read_text().splitlines():
        name, pinned, _ = line.split()
        if name == module and not pinned.endswith("/go.mod"):
            return pinned
    raise LookupError(f"{module} is not pinned in go.sum")


def folder(module: str) -> Path:
    """Fetch a module and give its folder in the go command's own read-only cache.

    Raises:
        Unavailable: when there is no go command, or it fails, or the content is not the pinned one.
    """
    go = shutil.which("go")
    if go is None:
        raise Unavailable(
            f"no go command on PATH: it fetches {module}, whose schemas the tests read (install Go 1.24+)"
        )
    # Outside any workspace and without the user's flags, so that nothing but go.mod and go.sum decides.
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    wanted = f"{module}@{version(module)}"
    done = subprocess.run(
        [go, "mod", "download", "-json", wanted],
        cwd=_PINS,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {}
    if done.returncode or "Dir" not in answer:
        raise Unavailable(f"go mod download {wanted} failed: {(answer.get('Error') or done.stderr).strip()[-500:]}")
    return Path(answer["Dir"])
