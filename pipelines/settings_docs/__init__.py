"""The explanations of the settings: docs/settings.md and the comments in settings.toml.

Guarantees that both come from the descriptions in the settings' own types, so that they cannot differ.
"""
