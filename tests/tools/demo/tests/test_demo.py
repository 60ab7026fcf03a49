"""The first thing that somebody tries: `make demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tools.demo.play import play

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(90)
def test_the_demo_ends_as_expected_and_prints_each_moment_once(tmp_path: Path) -> None:
    outcome = play(tmp_path, progress=lambda _: None)
    assert outcome.good
    chosen = [moment.what for moment in outcome.moments]
    kept = {"run kept: rex-implements (exempt agent)", "run kept: newer-tess (newer than the push)"}
    assert {what for what in chosen if what.startswith("run kept")} == kept
    assert sum("uid and resourceVersion must match" in what for what in chosen) == 2
    assert not [what for what in chosen if what.startswith("audit")]
