"""Tests of `steps.agents`, a file a module."""
