"""The checks of an installation.

Guarantees that checks change nothing.
"""

from pipelines.doctor.check import CheckResult, CheckStatus, ClusterResource, Installation, exit_code
from pipelines.doctor.cluster_diff import diff_cluster
from pipelines.doctor.overlay import read_manifests
from pipelines.doctor.registry import check_installation

__all__ = [
    "CheckResult",
    "CheckStatus",
    "ClusterResource",
    "Installation",
    "check_installation",
    "diff_cluster",
    "exit_code",
    "read_manifests",
]
