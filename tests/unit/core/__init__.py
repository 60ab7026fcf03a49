"""Tests of `steps.core`, a file a module."""
