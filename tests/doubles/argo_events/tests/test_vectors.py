"""The model of Argo Events against recorded answers of the real code (see tests/doubles/argo_events/vectors)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.argo_events import Event, GoError, gojson
from tests.doubles.argo_events.filters import passes
from tests.doubles.argo_events.parameters import apply
from tests.schemas import gomod

RECORDED = Path(__file__).parents[1] / "vectors" / "vectors.json"
VECTORS: dict[str, Any] = json.loads(RECORDED.read_text())
EVENT = Event(source="github", subject="org", data=gojson.encode(VECTORS["data"]))


def _cases(kind: str) -> list[dict[str, Any]]:
    return [case for case in VECTORS["cases"] if kind in case]


def test_the_answers_come_from_the_pinned_version() -> None:
    assert VECTORS["recorded_with"] == f"argo-events {gomod.version(gomod.ARGO_EVENTS)}"


@pytest.mark.parametrize("case", _cases("filters"), ids=lambda case: json.dumps(case["filters"])[:80])
def test_a_filter_decides_as_recorded(case: dict[str, Any]) -> None:
    if case["result"] == "error":
        with pytest.raises(GoError):
            passes(case, EVENT.content())
    else:
        assert passes(case, EVENT.content()) is case["result"]


@pytest.mark.parametrize("case", _cases("parameter"), ids=lambda case: json.dumps(case["parameter"])[:80])
def test_a_parameter_changes_what_was_recorded(case: dict[str, Any]) -> None:
    if "changed" not in case:
        with pytest.raises(GoError):
            apply([case["parameter"]], VECTORS["object"], {"push": EVENT})
    else:
        changed = apply([case["parameter"]], VECTORS["object"], {"push": EVENT})
        assert gojson.encode(changed) == gojson.encode(VECTORS["object"] | case["changed"])


@pytest.mark.parametrize("case", _cases("json"), ids=lambda case: case["json"][:40])
def test_json_is_written_as_recorded(case: dict[str, Any]) -> None:
    if case["result"] is None:
        with pytest.raises(GoError):
            gojson.decode(case["json"])
    else:
        assert gojson.encode(gojson.decode(case["json"])) == case["result"]
