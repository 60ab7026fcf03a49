"""Tests of `pipelines.client`, a file a module."""
