"""Tests of `steps.domain`, a file a module."""
