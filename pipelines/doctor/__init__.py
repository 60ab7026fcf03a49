"""The checks of an installation.

Guarantees that checks change nothing.
"""

from pipelines.doctor.check import CheckResult, CheckStatus, Installation, exit_code
from pipelines.doctor.registry import check_installation

__all__ = [
    "CheckResult",
    "CheckStatus",
    "Installation",
    "check_installation",
    "exit_code",
]
