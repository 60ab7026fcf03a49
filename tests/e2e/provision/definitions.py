"""The CRDs of everything that the cluster may run: Argo's, and those of other projects whose objects run agents.

Guarantees: each is the one that its project ships, at the version whose programs run here.
"""

from __future__ import annotations

from pathlib import Path

from tests.e2e.provision.argo_release import argo_release
from tests.e2e.provision.programs import EVENTS, SANDBOX, TEKTON, module_folder


def definitions() -> list[Path]:
    """The manifests of all of them."""
    folders = (
        (
            module_folder(argo_release().folder, argo_release().module) / "manifests/base/crds/full",
            "argoproj.io_*.yaml",
        ),
        (module_folder("events", EVENTS) / "manifests/base/crds", "argoproj.io_*.yaml"),
        (module_folder("sandbox", SANDBOX) / "k8s/crds", "*.yaml"),
        (module_folder("tekton", TEKTON) / "config/300-crds", "*.yaml"),
    )
    return [path for folder, pattern in folders for path in sorted(folder.glob(pattern))]
