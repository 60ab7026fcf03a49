"""Tests of `steps.kube`, a file a module."""
