"""The folder in which a command runs: with settings of its own, whatever the repository's say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.settings_files import write_settings


@pytest.fixture(autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("folder")
    write_settings(folder)
    (folder / "rendered").mkdir()
    monkeypatch.chdir(folder)
    return folder
