"""The Lease on its way from the pod's first container to its second."""

from __future__ import annotations

from pathlib import Path

import pytest

from steps.cancel import cancel
from steps.core.errors import Exit
from steps.core.keys import PREFIX
from steps.fail import fail
from steps.lease.handoff import LeaseHandoff
from steps.settle import settle
from tests.support.harness import DEFAULTS, NEW, Scene, Workflow

HOME = DEFAULTS.namespaces.workflows
ME = "w/u/pod"
LEASE = {"metadata": {"name": "any"}, "spec": {"holderIdentity": ME, "leaseTransitions": 4}}


def cancelled(scene: Scene) -> Workflow:
    """A push whose first container is done."""
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    assert scene.step(cancel, workflow, pod="pod-1") is Exit.DONE
    scene.api.calls.clear()
    return workflow


def reads(scene: Scene) -> int:
    """How often the Lease was read."""
    return sum(call.method == "GET" and "/leases/" in call.path for call in scene.api.calls)


def test_the_second_container_need_not_read_the_lease(scene: Scene) -> None:
    workflow = cancelled(scene)
    assert scene.step(settle, workflow, pod="pod-1") is Exit.DONE
    assert reads(scene) == 0
    assert scene.record().labels == "moved"


def test_without_a_copy_it_is_read(scene: Scene) -> None:
    workflow = cancelled(scene)
    scene.handoffs.clear()
    assert scene.step(settle, workflow, pod="pod-1") is Exit.DONE
    assert reads(scene) == 1
    assert scene.record().labels == "moved"


def test_a_copy_that_is_out_of_date_is_found_out_and_nothing_of_the_change_is_lost(scene: Scene) -> None:
    workflow = cancelled(scene)
    changed = {"metadata": {"labels": {"somebody": "labelled-it"}}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], changed, namespace=HOME)
    assert scene.step(settle, workflow, pod="pod-1") is Exit.DONE
    labels = scene.lease()["metadata"]["labels"]
    assert (labels["somebody"], labels[f"{PREFIX}/phase"]) == ("labelled-it", "completed")


def test_an_outdated_copy_of_the_lease_writes_nothing(scene: Scene) -> None:
    workflow = cancelled(scene)
    taken = {"spec": {"holderIdentity": "w/u/thief", "leaseTransitions": 9}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], taken, namespace=HOME)
    before = scene.lease()
    assert scene.step(settle, workflow, pod="pod-1") is Exit.TRY_AGAIN
    assert scene.lease() == before


def test_the_copy_of_an_attempt_is_none_of_the_next_ones(scene: Scene) -> None:
    workflow = cancelled(scene)
    left = scene.handoffs["pod-1"]
    scene.end_pod("pod-1", phase="Failed")
    assert scene.step(fail, workflow, pod="pod-2") is Exit.DONE
    scene.handoffs["pod-2"] = left
    assert scene.step(settle, workflow, pod="pod-2") is Exit.TRY_AGAIN, "it reads, and finds the Lease free and failed"


def test_only_the_holder_that_wrote_a_file_uses_it(tmp_path: Path) -> None:
    handoff = LeaseHandoff(path=tmp_path / "lease")
    handoff.leave(LEASE)
    found = handoff.take(holder=ME)
    assert found is not None
    assert (found.body, found.epoch) == (LEASE, 4)
    assert handoff.take(holder="w/u/other") is None
    assert (tmp_path / "lease").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"spec": null}', '{"spec": {}}'])
def test_a_malformed_file_is_ignored(text: str, tmp_path: Path) -> None:
    (tmp_path / "lease").write_text(text)
    assert LeaseHandoff(path=tmp_path / "lease").take(holder=ME) is None


def test_a_folder_that_is_not_there_is_not_missed(tmp_path: Path) -> None:
    handoff = LeaseHandoff(path=tmp_path / "missing" / "lease")
    handoff.leave(LEASE)
    assert handoff.take(holder=ME) is None
