"""A real Prometheus loads the rendered rules, scrapes, and an alert that it evaluates by itself fires."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipelines.observability import metrics
from pipelines.observability.alerts import alerts
from tests.integration.prometheus.server import Prometheus, Target, prometheus
from tests.support.harness import DEFAULTS

# The first run on a machine fetches Prometheus.
pytestmark = pytest.mark.timeout(300)

DROPPED = 'argo_events_action_retries_failed_total{sensor_name="implementation-agent-remediation"} 1\n'


@pytest.fixture
def scraped() -> Iterator[str]:
    """The address of something that counts one dropped push."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(DROPPED.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def found(scraped: str, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes it."""
    with prometheus([Target(job="any", address=scraped)], settings=DEFAULTS, folder=tmp_path) as running:
        yield running


def test_every_rule_is_loaded_and_evaluated_without_an_error(found: Prometheus) -> None:
    found.until(lambda: not found.problems(), what="all rules are evaluated")
    assert found.alerts() == {alert.name for alert in alerts(DEFAULTS)}


def test_an_alert_fires_in_a_real_prometheus(found: Prometheus) -> None:
    query = 'ALERTS{alertname="AgentCancellationPushDropped",alertstate="firing"}'
    found.until(lambda: found.value(query) == 1, what="the alert of the dropped push fires")
    assert found.value(metrics.ATTENTION.full_name) is None
