"""Tests of `pipelines.manifests`, a file a module."""
