"""The files of a new installation: a short settings file, a kustomization, and the next steps.

Guarantees that `render` takes the settings file as it was written, and that no existing file is replaced unless asked.
"""

from pipelines.starter.answers import Answers, complete
from pipelines.starter.cluster_facts import ClusterFacts, read_cluster
from pipelines.starter.files import starter_files, write_starter

__all__ = [
    "Answers",
    "ClusterFacts",
    "complete",
    "read_cluster",
    "starter_files",
    "write_starter",
]
