"""The benchmark: one cheap entry from its command line, and the shape of what it writes for machines and people."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.tools.bench import image
from tests.tools.bench.__main__ import main, options
from tests.tools.bench.measured import BenchError, Entry, Result, Row
from tests.tools.bench.report import Machine, markdown

MACHINE = Machine(python="3.11.0", api_server="v1.34.4", cores=2, load=0.5)


def test_counting_calls_gives_rows_with_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "bench.json"
    assert main(["--quick", "--only", "calls", "--json", str(target)]) == 0
    written = json.loads(target.read_text())
    assert written.keys() == {"python", "api_server", "cores", "load", "quick", "entries"}
    assert (written["quick"], list(written["entries"])) == (True, ["calls"])
    rows = written["entries"]["calls"]["rows"]
    assert {row["what"].partition(",")[0] for row in rows} == {
        "Kubernetes besides the wait",
        "Kubernetes in the wait",
        "GitHub",
    }
    for row in rows:
        assert row["min"] <= row["median"] <= row["max"]
        assert row["within"] is (None if row["target"] is None else row["median"] <= row["target"])
    besides = {row["what"]: row for row in rows}["Kubernetes besides the wait, token, n = 5"]
    assert sum(besides["detail"].values()) == besides["median"]
    assert besides["ratios"] == {"list and delete": besides["median"] / 6}
    github = {row["what"]: row["detail"] for row in rows}["GitHub, token, n = 5"]
    assert github["POST /issues/N/comments"] == 1
    assert "Kubernetes besides the wait" in capsys.readouterr().out


def test_json_alone_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--only", "calls", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"]


def test_the_document_holds_every_entry(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options(["--write", "--only", "calls"])
    assert "--write goes without --only" in capsys.readouterr().err


def test_values_of_one_round_are_compared_with_each_other() -> None:
    slowed_down = Row(what="cancel", unit="s", values=(2.0, 20.0, 2.2))
    baseline = Row(what="theirs", unit="s", values=(1.0, 10.0, 1.0))
    assert slowed_down.against(theirs=baseline).ratios == {"theirs": 2.0}
    assert slowed_down.against(theirs=Row(what="theirs", unit="s", values=(1.0,))).ratios == {"theirs": 2.2}
    assert math.isnan(slowed_down.against(none=Row(what="none", unit="s", values=(0.0,))).ratios["none"])


def test_a_target_for_each_value_is_judged_by_the_worst() -> None:
    values = (1.0, 1.0, 9.0)
    assert Row(what="", unit="s", values=values, target=5.0).within
    assert not Row(what="", unit="s", values=values, target=5.0, worst=True).within
    assert Row(what="", unit="s", values=values).within is None


def test_equal_results_give_equal_documents() -> None:
    row = Row(what="a process", unit="s", values=(0.2, 0.4, 0.3), target=0.25, ratios={"bare": 3.0}, detail={"a": 0.1})
    entry = Entry(name="one", title="One", includes="All of it.", measure=lambda _: ())
    results = [Result(entry=entry, rows=(row,), seconds=1.0)]
    text = markdown(results, machine=MACHINE, command="python -m tests.tools.bench --write", date="2026-01-02")
    assert "| a process | s | 0.30 | 0.20 | 0.40 | 0.25 | NO | 3.0 x bare |" in text
    assert "Measured on Python 3.11.0, kube-apiserver v1.34.4, 2 cores, load 0.5 at the start, 2026-01-02." in text
    later = [Result(entry=entry, rows=(row,), seconds=2.0)]
    assert text == markdown(later, machine=MACHINE, command="python -m tests.tools.bench --write", date="2026-01-02")


def test_the_image_is_measured_as_the_dockerfile_builds_it(tmp_path: Path) -> None:
    text = image.DOCKERFILE.read_text()
    plan = image.Installation.of(text, environment=tmp_path / "environment", sources=tmp_path / "sources")
    assert plan.copied == ("pyproject.toml", "README.md", "LICENSE", "steps/")
    assert plan.variables["PIP_NO_CACHE_DIR"] == "1"
    assert "/opt/" not in plan.script
    assert f"-m venv {tmp_path}/environment " in plan.script
    assert plan.script.endswith(f"rm -rf {tmp_path}/sources")


def test_a_dockerfile_of_another_shape_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="one RUN"):
        image.Installation.of("FROM x\nRUN a\nRUN b\n", environment=tmp_path, sources=tmp_path)


def test_a_links_target_is_counted_once(tmp_path: Path) -> None:
    packages = tmp_path / "lib/python3.12/site-packages/library"
    packages.mkdir(parents=True)
    (packages / "code.py").write_bytes(b"x" * 10)
    (packages / "link.py").symlink_to("code.py")
    (tmp_path / "pyvenv.cfg").write_bytes(b"x" * 3)
    assert image.sizes(tmp_path) == {"library": 10, "the environment": 3}
