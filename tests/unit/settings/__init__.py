"""Tests of `steps.settings`, a file a module."""
