"""The manifests, with one module for each kind of object.

Guarantees that equal settings give equal bytes.
"""

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.files import find_drift, render_files, write_files

__all__ = [
    "all_manifests",
    "find_drift",
    "render_files",
    "write_files",
]
