"""What can be wrong with an installation, as checks. Reads only."""

from pipelines.doctor.check import CheckResult, CheckStatus, Installation, exit_code
from pipelines.doctor.registry import check_installation

__all__ = ["CheckResult", "CheckStatus", "Installation", "check_installation", "exit_code"]
