"""GitHub's REST API: connection, credentials, retries, operations.

Guarantees that rate limits and deadlines are honoured, that only GitHub's own JSON counts as an answer, that no
redirect is followed, and that no error quotes a request or a credential. Importing this package loads PyGithub, which
a superseded push never needs: import it on first use.
"""

from steps.github.client import GitHub
from steps.github.connection import (
    Connection,
    certificate_problem,
    environment_connection,
    is_ca_bundle,
    pod_connection,
)
from steps.github.credentials import app_id, build_credentials, mounted_credentials
from steps.github.shapes import Activity, BranchPullRequest
from steps.github.sign_in import SignIn

__all__ = [
    "Activity",
    "BranchPullRequest",
    "Connection",
    "GitHub",
    "SignIn",
    "app_id",
    "build_credentials",
    "certificate_problem",
    "environment_connection",
    "is_ca_bundle",
    "mounted_credentials",
    "pod_connection",
]
