"""Tests of `pipelines.doctor` that need no installation."""
