"""Tests of the installed wheel."""

from tests.integration.package.fixtures import bare_tool, tool, wheel

__all__ = ["bare_tool", "tool", "wheel"]
