"""Settings of the generator: those of the steps, and those that only the manifests need.

Read from `settings.toml`. Guarantees that no key has a default in code: the file shows every decision.
"""

from pipelines.settings.reading import read_settings
from pipelines.settings.settings_tree import Settings

__all__ = ["Settings", "read_settings"]
