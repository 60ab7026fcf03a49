"""GitHub's REST API: connection, credentials, retries, operations.

Guarantees that rate limits and deadlines are respected, and that no error quotes a request or a credential. The import
loads PyGithub, which a superseded push never needs, so import this package only where it is used.
"""

from steps.github.client import Activity, GitHub
from steps.github.connection import (
    Connection,
    certificate_problem,
    environment_connection,
    is_ca_bundle,
    pod_connection,
)
from steps.github.credentials import TokenHandoff, app_id, build_credentials, mounted_credentials

__all__ = [
    "Activity",
    "Connection",
    "GitHub",
    "TokenHandoff",
    "app_id",
    "build_credentials",
    "certificate_problem",
    "environment_connection",
    "is_ca_bundle",
    "mounted_credentials",
    "pod_connection",
]
