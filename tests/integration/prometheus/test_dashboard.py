"""The dashboard: every panel asks for something that is there, in a language that Prometheus understands."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.manifests.files import render_files
from pipelines.observability import metrics
from pipelines.observability.metric import PREFIX
from pipelines.observability.prometheus import DASHBOARD_FILE
from tests.integration.prometheus.programs import program
from tests.support.harness import DEFAULTS

# The first run on a machine fetches promtool.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def panels() -> list[dict[str, Any]]:
    """The rendered panels."""
    found: list[dict[str, Any]] = json.loads(render_files(DEFAULTS)[f"observability/{DASHBOARD_FILE}"])["panels"]
    return found


def expressions(panels: list[dict[str, Any]]) -> list[str]:
    """Every expression of the dashboard."""
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_every_metric_is_shown_and_no_other(panels: list[dict[str, Any]]) -> None:
    asked = {name for expr in expressions(panels) for name in re.findall(rf"{PREFIX}\w+", expr)}
    assert {name.removesuffix("_bucket") for name in asked} == {metric.full_name for metric in metrics.ALL_METRICS}


def test_prometheus_understands_every_expression(panels: list[dict[str, Any]], tmp_path: Path) -> None:
    plain = [re.sub(r"\$__(rate_interval|range)", "5m", expr) for expr in expressions(panels)]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(plain)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    command = [str(program("promtool")), "check", "rules", str(tmp_path / "rules.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_no_two_panels_lie_on_one_another(panels: list[dict[str, Any]]) -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in panels})
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_the_data_source_is_a_variable(panels: list[dict[str, Any]]) -> None:
    assert {json.dumps(panel["datasource"]["uid"]) for panel in panels} == {'"$source"'}
