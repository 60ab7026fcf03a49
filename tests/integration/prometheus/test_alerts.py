"""Each alert fires for what it is there for, and for nothing else: promtool plays two hours of each world."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.manifests.files import render_files
from pipelines.observability import metrics
from pipelines.observability.alerts import alerts
from pipelines.observability.metric import PREFIX
from pipelines.observability.prometheus import RULES_FILE
from steps.reconciliation.finding import FindingKind
from tests.integration.prometheus.programs import program
from tests.integration.prometheus.world import (
    REFUSED,
    SENT,
    TRIGGERED,
    UNSENT,
    constant,
    healthy,
    histogram,
    outcome,
    rising,
    since,
    up,
)
from tests.support.harness import DEFAULTS

ROOT = Path(__file__).parents[3]
OPERATIONS = ROOT / "docs" / "operations.md"
# The first run on a machine fetches promtool.
pytestmark = pytest.mark.timeout(300)

LOST = metrics.LOST_PUSHES.full_name
SENSOR = DEFAULTS.events.sensor
DROPPED = f'argo_events_action_retries_failed_total{{sensor_name="{SENSOR}",trigger_name="cancel-agents"}}'
NOT_STARTED = f'{metrics.FINDINGS.full_name}{{kind="workflow-not-started"}}'
STUCK = f'{metrics.FINDINGS.full_name}{{kind="stuck"}}'
GITHUB = f'{metrics.BREAKER.full_name}{{dependency="github"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A healthy world with a change.

    Attributes:
        change: Series that are other than in a healthy world; None for one that is not there.
        fires: Alerts after two hours, with the number of things they name.
    """

    change: dict[str, str | None]
    fires: dict[str, int] = field(default_factory=dict)


TROUBLE = {
    "two in five cancellations fail": World(change={outcome("failed"): rising(0.7)}, fires={"Failing": 1}),
    "two failures in a quiet half-hour": World(
        change={outcome("completed"): constant(50), outcome("failed"): since(100, value="2")}, fires={"Failing": 1}
    ),
    "one push in five is slow": World(
        change={**histogram(metrics.DURATION, fast=0.8, slow=0.2, until="gone")}, fires={"Slow": 1}
    ),
    "one start in five is late": World(
        change={**histogram(metrics.WAIT, fast=0.8, slow=0.2, before="start")}, fires={"Contended": 1}
    ),
    "start and Lease are waited for": World(
        change={
            **histogram(metrics.WAIT, fast=0.5, slow=0.5, before="start"),
            **histogram(metrics.WAIT, fast=0.5, slow=0.5, before="lease"),
        },
        fires={"Contended": 2},
    ),
    "a Workflow does not start": World(change={NOT_STARTED: since(105)}, fires={"NotStarted": 1}),
    "a webhook is too large for the EventSource": World(change={REFUSED: since(100)}, fires={"WebhookRefused": 1}),
    "a webhook is too large for the bus": World(
        change={REFUSED: since(100), UNSENT: since(100)}, fires={"WebhookRefused": 1}
    ),
    "a push is lost, and nothing has come for an hour": World(
        change={LOST: since(110), SENT: constant(40), TRIGGERED: constant(40)}, fires={"PushesLost": 1}
    ),
    "three pushes are lost beside others": World(change={LOST: since(110, value="3")}, fires={"PushesLost": 1}),
    "the Sensor hears nothing of many events": World(change={TRIGGERED: constant(0)}, fires={"EventsUntriggered": 1}),
    "Argo Events shows no Sensor, but events": World(change={TRIGGERED: None}, fires={"EventsUntriggered": 1}),
    "a task is stuck for half an hour": World(change={STUCK: since(90)}, fires={"Inconsistent": 1}),
    "a task waits for a person": World(change={metrics.ATTENTION.full_name: since(115)}, fires={"NeedsAttention": 1}),
    "GitHub cannot be read for twenty minutes": World(
        change={metrics.UNREAD.full_name: since(100)}, fires={"ReconcileIncomplete": 1}
    ),
    "a breaker is open for ten minutes": World(change={GITHUB: since(110)}, fires={"BreakerOpen": 1}),
    "reconcile has stopped": World(
        change={metrics.PASSED_AT.full_name: f"0+60x100 {6000}x20"}, fires={"ReconcileAbsent": 1}
    ),
    "Argo's controller is not scraped": World(
        change={name: None for name in healthy() if name.startswith(PREFIX)}, fires={"ReconcileAbsent": 1}
    ),
    "the Sensor's pod is down": World(change={up(SENSOR): since(100, value="0", before="1")}, fires={"EventsDown": 1}),
    "nothing of Argo Events is there": World(
        change={up(SENSOR): None, up(DEFAULTS.events.event_source): None}, fires={"EventsDown": 2}
    ),
    "a first push could not be submitted": World(change={DROPPED: "_x110 1x10"}, fires={"PushDropped": 1}),
    "one more push could not be submitted": World(
        change={DROPPED: since(110, value="4", before="3")}, fires={"PushDropped": 1}
    ),
}
QUIET = {
    "all is well": World(change={}),
    "there is no push": World(
        change={name: constant(5) for name in healthy() if "_bucket" in name or "cancellations_total" in name}
    ),
    "one cancellation fails, and no other ends": World(
        change={outcome("completed"): constant(50), outcome("failed"): since(100)}
    ),
    "a push is lost beside others that come": World(change={LOST: since(110)}),
    "a Workflow started after some minutes": World(change={NOT_STARTED: since(110, until=114)}),
    "a webhook was refused an hour ago": World(change={REFUSED: since(60), UNSENT: since(60)}),
    "few events, and none is a task's push": World(change={SENT: since(60, value="30"), TRIGGERED: constant(0)}),
    "Argo Events is not scraped": World(change={SENT: None, TRIGGERED: None}),
    "one in twenty fails": World(change={outcome("failed"): rising(0.05)}),
    "many are superseded": World(change={outcome("superseded"): rising(20)}),
    "one push in twenty is slow": World(change=dict(histogram(metrics.DURATION, fast=0.95, slow=0.05, until="gone"))),
    "what was found was repaired in ten minutes": World(change={STUCK: since(105, until=115)}),
    "the breaker was open for two minutes": World(change={GITHUB: since(116, until=118)}),
    "reconcile is two minutes late": World(change={metrics.PASSED_AT.full_name: f"0+60x118 {7080}x2"}),
    "a push was dropped an hour ago": World(change={DROPPED: since(60)}),
    "the Sensor's pod was down for five minutes": World(
        change={up(SENSOR): since(112, value="0", before="1", until=117)}
    ),
}


def play(worlds: dict[str, World], *, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let promtool play worlds with the rendered rules."""
    (folder / RULES_FILE).write_text(render_files(DEFAULTS)[f"observability/{RULES_FILE}"])
    tests = {"rule_files": [RULES_FILE], "tests": [_test(name, world) for name, world in worlds.items()]}
    (folder / "tests.yaml").write_text(yaml.safe_dump(tests, sort_keys=False))
    command = [str(program("promtool")), "test", "rules", "tests.yaml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def _test(name: str, world: World) -> dict[str, Any]:
    series: dict[str, str | None] = {**healthy(), **world.change}
    firing = [
        {"labels": f'{{alertname="AgentCancellation{alert}"}}', "value": count} for alert, count in world.fires.items()
    ]
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items() if values is not None],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "119m",
                "exp_samples": firing,
            }
        ],
    }


@pytest.mark.parametrize("name", [*TROUBLE, *QUIET])
def test_what_fires_when(name: str, tmp_path: Path) -> None:
    done = play({name: (TROUBLE | QUIET)[name]}, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_world_that_does_not_fire_as_expected_fails(tmp_path: Path) -> None:
    """A wrong expectation fails, so promtool reads the files of these tests."""
    assert play({"wrong": World(change={}, fires={"Slow": 1})}, folder=tmp_path).returncode != 0
    assert play({"wrong": World(change=TROUBLE["reconcile has stopped"].change)}, folder=tmp_path).returncode != 0


def test_every_alert_fires_in_some_world() -> None:
    fired = {f"AgentCancellation{name}" for world in TROUBLE.values() for name in world.fires}
    assert fired == {alert.name for alert in alerts(DEFAULTS)}


def test_the_rules_are_the_same_for_the_operator_and_for_a_plain_prometheus(tmp_path: Path) -> None:
    files = render_files(DEFAULTS)
    (operator,) = [text for path, text in files.items() if "/prometheusrule-" in path]
    plain = files[f"observability/{RULES_FILE}"]
    assert yaml.safe_load(operator)["spec"] == yaml.safe_load(plain)
    (tmp_path / RULES_FILE).write_text(plain)
    command = [str(program("promtool")), "check", "rules", str(tmp_path / RULES_FILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_that_an_alert_asks_for_is_rendered() -> None:
    own = {metric.full_name for metric in metrics.ALL_METRICS}
    for alert in alerts(DEFAULTS):
        for name in re.findall(rf"{PREFIX}\w+", alert.expr):
            assert name.removesuffix("_bucket") in own, alert.name


def test_what_an_alert_says_quotes_only_labels_that_it_has() -> None:
    for alert in alerts(DEFAULTS):
        for label in re.findall(r"\$labels\.(\w+)", alert.summary + alert.about):
            assert re.search(rf"by \([^)]*\b{label}\b", alert.expr), alert.name


def test_every_alert_has_a_section_of_its_own_with_commands_and_links_to_it() -> None:
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", OPERATIONS.read_text(), re.MULTILINE | re.DOTALL))
    for alert in alerts(DEFAULTS):
        rule = alert.rule(runbook="https://git.example.com/operations.md")
        assert rule["annotations"]["runbook_url"] == f"https://git.example.com/operations.md#{alert.name.lower()}"
        assert "runbook_url" not in alert.rule(runbook="")["annotations"], "a link that leads nowhere is none"
        assert alert.name in sections, f"{OPERATIONS.name} has no section {alert.name}"
        assert "$ kubectl" in sections[alert.name] or "*PushDropped*" in sections[alert.name], alert.name


def test_every_section_of_an_alert_is_of_one_that_exists() -> None:
    headings = re.findall(r"^## (AgentCancellation\S*)", OPERATIONS.read_text(), re.MULTILINE)
    assert set(headings) == {alert.name for alert in alerts(DEFAULTS)}


def test_every_metric_and_every_kind_of_finding_is_explained() -> None:
    text = OPERATIONS.read_text()
    for metric in metrics.ALL_METRICS:
        assert f"| `{metric.name}` |" in text, metric.name
    for kind in FindingKind:
        assert f"`{kind}`" in text, kind
