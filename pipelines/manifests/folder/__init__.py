"""The folder of the rendered files: their YAML, written at once or not at all, and compared."""

from pipelines.manifests.folder.diff import diff_folder, diff_texts
from pipelines.manifests.folder.kustomize import CONFIG_FILE, kustomization, transformer_configuration
from pipelines.manifests.folder.writing import HEADER, find_drift, replace_file, write_files
from pipelines.manifests.folder.yaml_dump import dump_yaml

__all__ = [
    "CONFIG_FILE",
    "HEADER",
    "diff_folder",
    "diff_texts",
    "dump_yaml",
    "find_drift",
    "kustomization",
    "replace_file",
    "transformer_configuration",
    "write_files",
]
