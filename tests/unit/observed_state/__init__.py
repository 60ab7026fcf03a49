"""Tests of `steps.observed_state`, a file a module."""
