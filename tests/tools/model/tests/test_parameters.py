"""The numbers of requests are those that the code sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.settings import example_settings
from steps.cancel import cancel
from steps.core.errors import Exit
from steps.help.queue import _PAGE
from tests.support.harness import NEW, OLD, Scene
from tests.tools.bench.calls import AFTER, BEFORE, WAIT, Counts, counted
from tests.tools.model.parameters import Argo, Help, Requests


@pytest.fixture(params=["token", "app"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_requests_of_a_push_are_counted_by_the_benchmark(tmp_path: Path, kind: str) -> None:
    counts, requests = counted(stale=1, kind=kind, folder=tmp_path / "secret"), Requests()
    helps = counts.kubernetes[WAIT, "LIST workflows"]  # the one after it looks for superseded Workflows
    assert helps == 1
    assert counts.phase(BEFORE) == requests.before
    assert counts.phase(WAIT, AFTER) - helps == requests.after
    assert counts.github.total() == requests.github_before + requests.github_after + _sign_in(counts)
    assert _sign_in(counts) == (requests.github_sign_in if kind == "app" else 0)


def _sign_in(counts: Counts) -> int:
    return sum(count for what, count in counts.github.items() if "access_tokens" in what)


def test_the_writes_and_creations_of_a_push_are_counted_too(tmp_path: Path) -> None:
    counts = counted(stale=1, kind="token", folder=tmp_path / "secret").github
    writes = {what: count for what, count in counts.items() if not what.startswith("GET ")}
    assert sum(writes.values()) == Requests().github_writes
    assert sum(count for what, count in writes.items() if what.startswith("POST ")) == Requests().github_created


def test_a_pod_that_finds_its_push_done_sends_as_many_requests(scene: Scene) -> None:
    scene.github.add_pull_request(head="task-8-work", sha=OLD, labels=["ready-for-qa"])
    scene.later(5)
    for task in (7, 8):
        scene.github.push(f"task-{task}-work", NEW)
    helper, helped = (scene.workflow(task=task, sha=NEW) for task in (7, 8))
    assert scene.step(cancel, helper, pod="pod-1") is Exit.DONE
    scene.api.calls.clear()
    assert scene.step(cancel, helped, pod="pod-2") is Exit.DONE
    assert len(scene.api.calls) == Requests().superseded


def test_the_settings_are_the_shipped_ones() -> None:
    settings = example_settings()
    assert settings.workflow.concurrent == Argo().concurrent
    assert settings.help.pushes == Help().pushes
    assert settings.lease.retry_every_s == pytest.approx(Requests().retry_s, rel=0.1)
    assert Requests().page == _PAGE
