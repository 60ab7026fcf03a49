"""The settings of the generator: the steps' settings, and the settings that only the manifests need.

Guarantees that every default is in `defaults.toml`, beside this module, and none in code. A user's file has only what
differs, and what no default can know.
"""

from pipelines.settings.kind_presets import PRESET, preset_names, read_preset
from pipelines.settings.packaged import default_values, example_values
from pipelines.settings.pods import PodSettings
from pipelines.settings.reading import example_settings, read_settings, read_values, settings_from
from pipelines.settings.sensor_syntax import ref_pattern
from pipelines.settings.settings_tree import Settings
from pipelines.settings.unexempt_senders import FIX as EXEMPT_FIX
from pipelines.settings.unexempt_senders import unexempt_senders

__all__ = [
    "EXEMPT_FIX",
    "PRESET",
    "PodSettings",
    "Settings",
    "default_values",
    "example_settings",
    "example_values",
    "preset_names",
    "read_preset",
    "read_settings",
    "read_values",
    "ref_pattern",
    "settings_from",
    "unexempt_senders",
]
