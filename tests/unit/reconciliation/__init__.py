"""Tests of `steps.reconciliation`, a file a module."""
