"""Generates docs/settings.md and the comments in settings.toml.

Guarantees that both come from the descriptions in the settings' types, so they cannot differ.
"""
