"""A pass from a laptop: what it prints, and that a dry run writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.cli.main import main
from pipelines.client.kubeconfig import server_time
from steps.core.errors import Exit
from steps.kube.transport import Response
from tests.doubles.kubernetes import Fault, serve, write_kubeconfig
from tests.support.broken_cluster import a_world
from tests.support.harness import Scene
from tests.support.settings_files import write_settings

KINDS = [
    "stuck", "live-stale-run", "orphaned-lock", "stray-flag", "corrupt-state", "unreadable-record", "idle",
]  # fmt: skip


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scene]:
    """A cluster in trouble, behind a kubeconfig; its clock is the scene's own."""
    with a_world() as (scene, _), serve(scene.api) as url:
        monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path / "kubeconfig", url)))
        monkeypatch.setattr("pipelines.client.reconcile_pass.server_time", lambda *_, **__: scene.clock.now())
        monkeypatch.delenv("GITHUB_TOKEN", raising=False)
        yield scene


def test_with_a_persons_own_token_github_is_asked(
    trouble: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trouble.github.add_token("ghp_person")
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_person")
    write_settings(
        tmp_path,
        {
            '"https://api.github.com"': f'"{trouble.github_url}"',
            "hosts = []": 'hosts = ["github.com"]',
        },
    )
    trouble.github.calls.clear()
    assert main(["reconcile", "--dry-run", "--json", "--settings", str(tmp_path / "settings.toml")]) == Exit.DONE
    output = capsys.readouterr()
    assert json.loads(output.out)["unread"] == []
    assert any(call.path.endswith("/activity") for call in trouble.github.calls)
    assert "ghp_person" not in output.out + output.err


def test_a_dry_run_shows_what_would_be_done_and_writes_nothing(
    trouble: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reconcile", "--dry-run", "--json"]) == Exit.DONE
    report = json.loads(capsys.readouterr().out)
    assert [row["finding"] for row in report["findings"]] == KINDS
    assert "no GitHub credentials here: set GITHUB_TOKEN" in report["unread"][0]
    assert {call.method for call in trouble.api.calls} == {"GET"}


def test_the_table_says_what_to_do(trouble: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reconcile", "--dry-run"]) == Exit.DONE
    output = capsys.readouterr().out
    assert "7 findings, nothing was done" in output
    for words in ("submit a Workflow", "release the Lease", "correct it by hand", "not read: no GitHub credentials"):
        assert words in output
    assert trouble.repairs() == []


def test_without_dry_run_it_repairs(trouble: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reconcile", "--json"]) == Exit.DONE
    assert len(json.loads(capsys.readouterr().out)["findings"]) == 7
    assert len(trouble.repairs()) == 2


def test_a_repair_that_is_refused_is_reported_and_is_no_success(
    trouble: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    trouble.api.faults.add(Fault(method="POST", path="/workflows", status=403, reason="Forbidden", times=0))
    assert main(["reconcile", "--json"]) == Exit.TRY_AGAIN
    problems = {row["finding"]: row["problem"] for row in json.loads(capsys.readouterr().out)["findings"]}
    assert {kind for kind, problem in problems.items() if problem} == {"stuck", "live-stale-run"}
    assert "403 Forbidden" in problems["stuck"]


def test_the_table_names_the_repairs_that_failed(trouble: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    trouble.api.faults.add(Fault(method="POST", path="/workflows", status=403, reason="Forbidden", times=0))
    trouble.api.faults.add(Fault(method="DELETE", path="/leases", status=403, reason="Forbidden", times=0))
    assert main(["reconcile"]) == Exit.TRY_AGAIN
    shown = capsys.readouterr().out
    assert "7 findings, 3 repairs failed" in shown
    assert shown.count("not done: ") == 3


def test_ages_are_by_the_api_servers_clock() -> None:
    class Dated:
        def send(self, **_: object) -> Response:
            return Response(status=200, headers={"date": "Sun, 01 Mar 2026 12:00:00 GMT"}, body=b"{}")

    assert server_time(Dated(), timeout_s=1) == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_an_unreachable_cluster_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:9")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    assert main(["reconcile", "--dry-run"]) == Exit.TRY_AGAIN
    assert len(capsys.readouterr().err.splitlines()) == 1
