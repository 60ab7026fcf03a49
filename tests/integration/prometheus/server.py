"""A real Prometheus with the rendered rules, for as long as a test needs it.

Guarantees: it listens on the loopback interface alone, keeps its data in the folder it is given, and ends with the
context. Each job is one target. Not guaranteed: that a number is there at once after it was pushed; wait for it.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml

from pipelines.manifests.files import render_files
from pipelines.observability.prometheus import RULES_FILE
from pipelines.settings import Settings
from tests.integration.prometheus.programs import program

_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is scraped.

    Attributes:
        address: host:port.
        scheme: http, or https with a certificate that no client checks.
    """

    job: str
    address: str
    scheme: str = "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """One that runs."""

    url: str

    def ask(self, path: str, **fields: str) -> Any:  # noqa: ANN401 - JSON
        """The data of an answer of its API."""
        answer = urllib3.request("GET", f"{self.url}/api/v1/{path}", fields=fields, retries=False, timeout=10.0)
        assert answer.status == 200, answer.data
        return json.loads(answer.data)["data"]

    def value(self, query: str) -> float | None:
        """The value of a query with one result; None if it has none."""
        found = self.ask("query", query=query)["result"]
        assert len(found) < 2, found
        return float(found[0]["value"][1]) if found else None

    def until(self, condition: Callable[[], bool], *, what: str, deadline_s: float = _DEADLINE_S) -> None:
        """Wait for a condition; it is checked each second, as Prometheus scrapes."""
        deadline = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < deadline, f"in vain for {deadline_s} s: {what}"
            time.sleep(0.2)

    def problems(self) -> list[str]:
        """What is wrong with rules that it has loaded; a rule that was not evaluated yet counts as wrong."""
        rules = [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
        wrong = [rule for rule in rules if rule["health"] != "ok"]
        return [f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}" for rule in wrong]

    def alerts(self) -> set[str]:
        """Names of the alerts that it knows."""
        return {rule["name"] for group in self.ask("rules")["groups"] for rule in group["rules"]}


@contextmanager
def prometheus(targets: list[Target], *, settings: Settings, folder: Path) -> Iterator[Prometheus]:
    """Start one that scrapes each second, and wait until it is ready."""
    (folder / RULES_FILE).write_text(render_files(settings)[f"observability/{RULES_FILE}"])
    jobs = [
        {
            "job_name": target.job,
            "scheme": target.scheme,
            "tls_config": {"insecure_skip_verify": True},
            "static_configs": [{"targets": [target.address]}],
        }
        for target in targets
    ]
    pace = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    configuration = {"global": pace, "rule_files": [RULES_FILE], "scrape_configs": jobs}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(program("prometheus")),
        "--config.file=prometheus.yaml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("w") as log, subprocess.Popen(command, cwd=folder, stderr=log) as process:
        try:
            found = Prometheus(url=f"http://127.0.0.1:{port}")
            found.until(lambda: _is_ready(found, process, log=folder / "prometheus.log"), what="Prometheus is ready")
            yield found
        finally:
            process.terminate()


def _is_ready(found: Prometheus, process: subprocess.Popen[bytes], *, log: Path) -> bool:
    assert process.poll() is None, log.read_text()[-2000:]
    with suppress(urllib3.exceptions.HTTPError):
        return urllib3.request("GET", f"{found.url}/-/ready", retries=False, timeout=5.0).status == 200
    return False
