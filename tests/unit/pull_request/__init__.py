"""Tests of `steps.pull_request`, a file a module."""
