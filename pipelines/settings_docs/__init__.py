"""Generates docs/settings.md and the comments of the packaged settings files.

Guarantees that both come from the descriptions in the settings' types, so they cannot differ.
"""

from pipelines.settings_docs.explanation import explain_settings
from pipelines.settings_docs.toml_comments import refresh_comments

__all__ = ["explain_settings", "refresh_comments"]
