"""Generates docs/settings.md and the comments of the packaged settings files.

Guarantees that both come from the descriptions in the settings' types, so they cannot differ.
"""
