"""What GitOps tools make of the rendered files: Flux's variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.manifests.files import render_files
from pipelines.settings import Settings, read_settings
from tests.doubles.flux import substituted
from tests.support.harness import DEFAULTS

COMPANIES = sorted((Path(__file__).parents[2] / "scenarios" / "companies").glob("*.toml"))
SETTINGS = [DEFAULTS, *(read_settings(path) for path in COMPANIES)]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_variables_of_flux_change_no_rendered_file(settings: Settings) -> None:
    for path, text in render_files(settings).items():
        assert substituted(text, variables={"id": "another", "source": "another", "1": "another"}) == text, path
