"""From a laptop: the submit command through Argo Server and through a kubeconfig, waited for to its outcome."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.doubles.platform.controller import job_name
from tests.e2e.support.argo_client import person
from tests.e2e.support.stage import Stage, sha
from tests.e2e.support.task import REPOSITORY

ROOT = Path(__file__).parents[2]


def environment(stage: Stage, *, by: str) -> dict[str, str]:
    """What leads a laptop to the cluster."""
    if by == "argo server":
        return person(stage.cluster).environment
    return {"PATH": os.environ["PATH"], "KUBECONFIG": str(stage.cluster.kubeconfig)}


@pytest.mark.parametrize("by", ["argo server", "kubeconfig"])
def test_a_developer_stops_the_stale_agents_of_a_branch(stage: Stage, by: str) -> None:
    run = stage.agent()
    stage.push()  # pushed, but its webhook never came
    command = [
        sys.executable,
        "-m",
        "pipelines",
        "submit",
        "--json",
        "--settings",
        str(stage.cluster.folder / "settings.toml"),
    ]
    command += ["--repository", REPOSITORY, "--ref", stage.branch, "--sha", sha(stage.task, 1)]
    done = subprocess.run(
        command,
        env=environment(stage, by=by) | {"PYTHONWARNINGS": "ignore"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["phase"], outcome["exit"]) == ("Succeeded", 0)
    assert f"  stopped  coderuns/{run['metadata']['name']} of 5DLabs-Tess" in outcome["report"]
    assert stage.runs() == set()
    assert stage.agent_reports.when("SIGTERM", job_name(run)) is not None
    assert stage.labels() == {"remediation-in-progress"}
    assert stage.record()["push"]["reason"] == "manual"
