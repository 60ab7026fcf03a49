"""The files of a new installation: a short settings file, a kustomization, the next steps, and the GitHub App.

Guarantees that `render` takes the settings file as it was written, and that no existing file is replaced unless asked.
"""

from pipelines.starter.answers import Answers, complete, notes_on
from pipelines.starter.cluster_facts import ClusterFacts, read_cluster
from pipelines.starter.files import starter_files, write_starter
from pipelines.starter.github_app import github_app_manifest, registration_page, web_address

__all__ = [
    "Answers",
    "ClusterFacts",
    "complete",
    "github_app_manifest",
    "notes_on",
    "read_cluster",
    "registration_page",
    "starter_files",
    "web_address",
    "write_starter",
]
