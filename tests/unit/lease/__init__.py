"""Tests of `steps.lease`, a file a module."""
