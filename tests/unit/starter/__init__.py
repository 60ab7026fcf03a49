"""Tests of `pipelines.starter` and of the command that uses it."""
