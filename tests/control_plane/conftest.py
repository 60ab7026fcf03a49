"""Tests that need a real control plane."""

from tests.control_plane.fixtures import control_plane, namespace, pytest_collection_modifyitems

__all__ = ["control_plane", "namespace", "pytest_collection_modifyitems"]
