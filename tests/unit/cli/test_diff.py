"""`render --diff`: against the folder and against the cluster, without a write to either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipelines.cli.main import main
from steps.core.errors import Exit
from tests.doubles.kubernetes import ApiServer, serve, write_kubeconfig
from tests.support.harness import DEFAULTS
from tests.support.settings_files import write_settings

LIMITS = "rendered/workflows/configmap-cancel-agents-limits.yaml"
SPACES = DEFAULTS.namespaces


@pytest.fixture
def rendered(_folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The folder to stand in, with everything rendered."""
    assert main(("render",)) == Exit.DONE
    capsys.readouterr()
    return _folder


def change(folder: Path) -> None:
    write_settings(folder, {"concurrent = 10": "concurrent = 7"})


def test_nothing_to_change_prints_nothing(rendered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rendered / "rendered" / "mine.yaml").write_text("kind: Mine\n")
    assert main(("render", "--diff")) == Exit.DONE
    assert capsys.readouterr().out == ""


def test_what_a_new_setting_would_change_is_shown_and_not_written(
    rendered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (rendered / LIMITS).read_text()
    change(rendered)
    assert main(("render", "--diff")) == 1
    lines = capsys.readouterr().out.splitlines()
    assert f"--- {LIMITS}" in lines
    assert "-  concurrent: '10'" in lines
    assert "+  concurrent: '7'" in lines
    assert (rendered / LIMITS).read_text() == before


def test_what_is_missing_and_what_is_no_longer_rendered_is_shown(
    rendered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (rendered / LIMITS).read_text()
    (rendered / "rendered" / "workflows" / "old.yaml").write_text(text)
    (rendered / LIMITS).unlink()
    assert main(("render", "--diff", "folder")) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "--- rendered/workflows/old.yaml" in lines
    assert [lines.count(f"{mark}kind: ConfigMap") for mark in "+-"] == [1, 1]


def test_only_one_of_the_questions_can_be_asked(rendered: Path) -> None:
    del rendered
    with pytest.raises(SystemExit, match="2"):
        main(("render", "--diff", "--check"))


@pytest.fixture
def cluster(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """A cluster in which everything rendered is applied."""
    api = ApiServer(namespaces=("default", SPACES.workflows, *SPACES.agents, SPACES.events))
    for path in yaml.safe_load((rendered / "rendered" / "kustomization.yaml").read_text())["resources"]:
        api.create(yaml.safe_load((rendered / "rendered" / path).read_text()))
    with serve(api) as url:
        monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(rendered / "kubeconfig", url)))
        api.calls.clear()
        yield api


def test_a_cluster_that_is_as_rendered_differs_in_nothing(
    cluster: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("render", "--diff", "cluster")) == Exit.DONE
    assert capsys.readouterr().out == ""
    assert {call.method for call in cluster.calls} == {"GET"}


def test_what_applying_would_change_is_shown(
    cluster: ApiServer, rendered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.delete("configmaps", "cancel-agents-breakers", namespace=SPACES.workflows)
    write_settings(rendered, {"grace_s = 30 ": "grace_s = 31 "})
    assert main(("render", "--diff", "cluster")) == 1
    out = capsys.readouterr().out
    assert f"--- cluster/{SPACES.workflows}/configmap-cancel-agents-breakers" in out
    assert '-            "grace_s": 30.0,' in out
    assert '+            "grace_s": 31.0,' in out
    assert "uid" not in out


def test_a_cluster_that_refuses_is_an_error_and_no_difference(
    cluster: ApiServer, rendered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del cluster
    monkeypatch.setenv("KUBECONFIG", str(rendered / "none"))
    assert main(("render", "--diff", "cluster")) == Exit.BAD_INPUT
    output = capsys.readouterr()
    assert (output.out, "set KUBECONFIG" in output.err) == ("", True)
