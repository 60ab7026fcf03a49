"""Tests of `steps.github`, a file a module."""
