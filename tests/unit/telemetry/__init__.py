"""Tests of `steps.telemetry`, a file a module."""
