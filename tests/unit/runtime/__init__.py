"""Tests of `steps.runtime`, a file a module."""
