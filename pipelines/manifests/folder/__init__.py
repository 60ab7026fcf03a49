"""The folder of the rendered files: written at once or not at all, and compared."""

from pipelines.manifests.folder.diff import diff_folder, diff_texts
from pipelines.manifests.folder.writing import HEADER, find_drift, replace_file, write_files

__all__ = ["HEADER", "diff_folder", "diff_texts", "find_drift", "replace_file", "write_files"]
