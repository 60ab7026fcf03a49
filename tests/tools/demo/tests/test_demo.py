"""The first thing that somebody tries: `make demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tools.demo.play import play

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(90)
def test_the_play_ends_as_it_has_to_and_tells_each_thing_once(tmp_path: Path) -> None:
    outcome = play(tmp_path, tell=lambda _: None)
    assert outcome.good
    told = [moment.what for moment in outcome.moments]
    kept = {"run kept: rex-implements (exempt agent)", "run kept: newer-tess (newer than the push)"}
    assert {what for what in told if what.startswith("run kept")} == kept
    assert sum("uid and resourceVersion must match" in what for what in told) == 2
    assert not [what for what in told if what.startswith("audit")]
