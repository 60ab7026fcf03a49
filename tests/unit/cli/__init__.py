"""Tests of `pipelines.cli`, a file a module."""
