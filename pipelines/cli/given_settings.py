"""The settings that a command line names: a file, and the namespace that replaces the file's.

Guarantees that a namespace from the command line is checked as one in the file is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from pipelines.settings import Settings


def given_settings(options: argparse.Namespace) -> Settings:
    """Read the settings file of the options `--settings` and `--namespace`.

    Raises:
        BadInputError: The file or the namespace is wrong.
    """
    from pipelines.settings import read_settings, read_values, settings_from

    if not options.namespace:
        return read_settings(options.settings)
    values = read_values(options.settings)
    spaces = values.get("namespaces", {})
    if isinstance(spaces, dict):  # otherwise the check below names the mistake
        values["namespaces"] = spaces | {"workflows": options.namespace}
    return settings_from(values, source=f"{options.settings} with --namespace")
