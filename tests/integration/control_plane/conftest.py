"""Tests that need a real control plane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doubles import github as github_double
from tests.integration.control_plane.fixtures import control_plane, namespace, pytest_collection_modifyitems
from tests.integration.control_plane.installation import Installation, install, settings_with
from tests.integration.control_plane.server import ControlPlane
from tests.integration.package.fixtures import bare_tool, tool, wheel

__all__ = ["bare_tool", "control_plane", "namespace", "pytest_collection_modifyitems", "tool", "wheel"]


@pytest.fixture(scope="session")
def github() -> Iterator[tuple[github_double.GitHub, str]]:
    """A GitHub double for the whole session, and its address."""
    double = github_double.GitHub()
    with github_double.serve(double) as url:
        yield double, url


@pytest.fixture(scope="session")
def installation(
    control_plane: ControlPlane, github: tuple[github_double.GitHub, str], tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """The project, installed once; GitHub's address, the grace period and reconcile's rhythm differ from what ships."""
    folder = tmp_path_factory.mktemp("installation")
    changes = {
        '"https://api.github.com"': f'"{github[1]}"',
        "hosts = []": 'hosts = ["github.com"]',
        "grace_s = 30 ": "grace_s = 8 ",
        "every_s = 30 ": "every_s = 60 ",
    }
    settings = settings_with(changes, folder=folder)
    return install(control_plane, settings=settings, folder=folder / "rendered")
