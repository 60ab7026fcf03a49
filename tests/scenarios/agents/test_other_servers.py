"""Runs whose repository has the same owner and name on another server, and runs that spell GitHub's in another way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from tests.doubles.platform.platform import put_run
from tests.doubles.platform.runs import TESS, agent_run
from tests.support.harness import DEFAULTS, NEW, Scene
from tests.support.scene.in_process import LocalClient

ELSEWHERE = "https://ghe.example.com/5dlabs/cto"


def start(scene: Scene, url: str) -> None:
    """Start an agent whose run names its repository so."""
    namespace = scene.settings.namespaces.agents[0]
    manifest = agent_run(task=7, agent=TESS, name="run", repository=url, namespace=namespace)
    put_run(LocalClient(scene.api), manifest)
    scene.later(5)
    scene.github.push("task-7-work", NEW)


def test_a_run_of_the_same_repository_on_another_server_is_kept_and_the_record_says_why(scene: Scene) -> None:
    start(scene, ELSEWHERE)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {"run"}
    (agent,) = scene.record().agents
    assert agent.outcome is RunOutcome.KEPT
    assert agent.reason == "its repository is on another server; if the host stands for GitHub, add it to github.hosts"


def test_a_run_that_clones_through_a_host_of_the_settings_is_stopped(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, hosts=("ghe.example.com",)))
    start(scene, ELSEWHERE)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/5dlabs/cto.git#task-7-work",
        "https://github.com/5dlabs/cto/tree/task-7-work",
        "git://github.com/5dlabs/cto.git#refs/heads/task-7-work",
        "https://github.com/5dlabs/cto.git?ref=task-7-work",
    ],
)
def test_a_run_that_also_names_its_branch_in_its_repository_is_stopped(scene: Scene, url: str) -> None:
    start(scene, url)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


def test_reconcile_finds_no_stale_run_on_another_server(scene: Scene) -> None:
    start(scene, ELSEWHERE)
    assert scene.play(scene.workflow()) is Exit.DONE
    scene.later(600)
    assert not scene.reconcile()
