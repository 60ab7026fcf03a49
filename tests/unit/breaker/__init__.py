"""Tests of `steps.breaker`, a file a module."""
