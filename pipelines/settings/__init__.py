"""The settings of the generator: the steps' settings, and the settings that only the manifests need.

Guarantees that no key has a default in code, so `settings.toml` shows every decision.
"""

from pipelines.settings.reading import read_settings
from pipelines.settings.settings_tree import Settings

__all__ = ["Settings", "read_settings"]
