"""An API server that has just started does not know the Roles yet, and refuses as if one were missing."""

from __future__ import annotations

from typing import Any

import pytest

from steps.core.errors import Exit
from steps.telemetry.audit import WriteCause
from tests.doubles.kubernetes import Call, Fault
from tests.support.harness import DEFAULTS, Scene
from tests.support.scenarios import failed, stale_push

FORBIDDEN: dict[str, Any] = {"status": 403, "reason": "Forbidden"}
DELETE: dict[str, Any] = {"method": "DELETE", "path": "/coderuns/"}
LIST: dict[str, Any] = {"method": "GET", "path": "/coderuns"}


def refused(scene: Scene) -> list[Call]:
    """The requests that were refused."""
    return [call for call in scene.api.calls if call.status in (401, 403)]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("request_", [LIST, DELETE], ids=["a read", "a write"])
def test_what_is_refused_twice_is_done_in_the_same_attempt(scene: Scene, request_: dict[str, Any], status: int) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(Fault(**request_, status=status, reason="Forbidden", times=2))
    assert scene.attempt(workflow) is Exit.DONE
    assert len(refused(scene)) == 2
    assert scene.runs() == set()


@pytest.mark.parametrize(("method", "path"), [("POST", "/leases"), ("PUT", "/leases/")], ids=["taken", "written"])
def test_a_lease_that_is_refused_at_first_is_taken_and_written_all_the_same(
    scene: Scene, method: str, path: str
) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(Fault(method=method, path=path, **FORBIDDEN, times=2))
    assert scene.attempt(workflow) is Exit.DONE
    assert len(refused(scene)) == 2
    assert (scene.record().attempts, scene.lease()["spec"]["holderIdentity"]) == (1, "")


@pytest.mark.parametrize("request_", [LIST, DELETE], ids=["a read", "a write"])
def test_what_stays_refused_is_reported_within_three_seconds(scene: Scene, request_: dict[str, Any]) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(Fault(**request_, **FORBIDDEN, times=0))
    assert scene.attempt(workflow) is Exit.FORBIDDEN
    first, *others = (call.at.timestamp() for call in refused(scene))
    assert len(others) == 2
    assert 1 < others[-1] - first <= 3
    assert "give the service account the rendered Role" in scene.events()[-1]["error"]


@pytest.mark.parametrize("request_", [LIST, DELETE], ids=["a read", "a write"])
def test_credentials_that_stay_unknown_end_the_attempt_and_the_next_one_finishes(
    scene: Scene, request_: dict[str, Any]
) -> None:
    """The API server answers 401 also if it cannot look up the pod that a token is bound to."""
    workflow = stale_push(scene)
    scene.api.faults.add(Fault(**request_, status=401, reason="Unauthorized", message="Unauthorized", times=3))
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == set()


def test_a_write_that_was_refused_is_not_sent_again_once_the_hold_is_lost(scene: Scene) -> None:
    workflow = stale_push(scene)
    pause_s = DEFAULTS.lease.renew_deadline_s + 1
    scene.api.faults.add(Fault(**DELETE, **FORBIDDEN, after=lambda _: scene.clock.sleep(pause_s), times=0))
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert "was not renewed" in scene.events()[-1]["error"]
    assert len(refused(scene)) == 1


def test_each_time_that_it_is_sent_has_its_line_in_the_audit(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(Fault(**DELETE, **FORBIDDEN, times=2))
    assert scene.attempt(workflow) is Exit.DONE
    lines = [line for line in scene.events() if line["event"] == "audit" and line["cause"] == WriteCause.STALE]
    assert [line["result"] for line in lines] == ["refused", "refused", "done"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/events"), ("PATCH", "/workflows/")])
def test_an_optional_write_is_not_sent_again(scene: Scene, method: str, path: str) -> None:
    """A missing right does not cost three seconds for each agent."""
    workflow = stale_push(scene)
    scene.workflow(pushed_at=workflow.push.pushed_at)
    scene.later(1)
    scene.api.faults.add(Fault(method=method, path=path, **FORBIDDEN, times=0))
    assert scene.attempt(workflow) is Exit.DONE
    sent = [str(call.body) for call in refused(scene)]
    assert sent
    assert len(sent) == len(set(sent))


def test_a_pass_of_reconcile_waits_as_well(scene: Scene) -> None:
    failed(scene)
    scene.api.faults.add(Fault(method="GET", path="/leases\\?", **FORBIDDEN))
    assert len(scene.reconcile()) == 1
    assert len(scene.repairs()) == 1
