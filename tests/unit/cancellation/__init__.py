"""Tests of `steps.cancellation`, a file a module."""
