"""Leases that nobody needs any more: which they are, and that only the one that was judged is deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps import retention
from steps.errors import Exit
from steps.findings import Finding, Kind
from steps.ledger import Ledger, read_ledger
from steps.look import Look
from steps.record import Phase
from steps.state import EPOCH
from steps.survey import Survey
from steps.why import Cause
from tests.scene import DEFAULTS, Scene
from tests.unit.test_findings import DONE, NOW, ago, ledger, run

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents
IDLE_S = DEFAULTS.reconcile.keep_idle_days * 86400
FINDING = Finding(kind=Kind.WRONG_CLOCK, task="7", repository="", detail="")


def idle(**changes: Any) -> Ledger:  # noqa: ANN401 - passed on
    return ledger(**({"renewed_at": ago(IDLE_S)} | changes))


def outdated(*ledgers: Ledger, findings: tuple[Finding, ...] = (), **survey: Any) -> list[Ledger]:  # noqa: ANN401 - passed on
    look = Look.at(Survey(now=NOW, ledgers=ledgers, **survey), settings=DEFAULTS)
    return list(retention.outdated(look, findings))


def test_a_lease_that_was_idle_for_so_many_days_is_outdated_and_not_a_second_before() -> None:
    assert outdated(idle()) == [idle()]
    assert outdated(idle(renewed_at=ago(IDLE_S - 1))) == []


@pytest.mark.parametrize(
    "why",
    [
        {"handed_over": True},
        {"holder": "w/u/p"},
        {"problem": "unreadable", "record": None},
        {"record": replace(DONE, phase=Phase.FAILED)},
    ],
    ids=str,
)
def test_a_lease_that_somebody_has_or_may_need_is_not(why: dict[str, Any]) -> None:
    assert outdated(idle(**why)) == []


def test_a_lease_of_whose_task_anything_speaks_is_not() -> None:
    other = idle(task="8", name="other")
    assert outdated(idle(), other, findings=(FINDING,)) == [other]
    assert outdated(idle(), other, busy=frozenset({("7", "o.other")})) == [other]
    assert outdated(idle(), other, runs=(run("7", repository="o/other"),)) == [other]
    assert outdated(idle(), other, runs=(run("7"),), findings=(replace(FINDING, task="8"),)) == []


def test_while_it_is_not_known_which_runs_are_alive_none_is() -> None:
    assert outdated(idle(), runs_known=False) == []


# Deleting one.


def judged(scene: Scene, *, document: bool = True) -> Ledger:
    """A Lease as a pass has seen it, of a task whose state document names its epoch."""
    if document:
        metadata = {"name": "task-7-state", "namespace": AGENTS, "annotations": {EPOCH: "1", "note": "theirs"}}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"state.json": "{}"}}
        scene.api.create(config_map)
    assert scene.play(scene.workflow()) is Exit.DONE
    found = read_ledger(scene.lease())
    scene.api.calls.clear()
    return found


def notes(scene: Scene) -> dict[str, str]:
    found: dict[str, str] = scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["metadata"]["annotations"]
    return found


def collected(scene: Scene) -> list[dict[str, Any]]:
    return [line for line in scene.events() if line["event"] == "idle Lease deleted"]


def leases(scene: Scene) -> list[Any]:
    return scene.api.list("leases", namespace=HOME)


def test_the_lease_is_deleted_once_the_state_document_has_forgotten_its_epoch(scene: Scene) -> None:
    found = judged(scene)
    retention.collect(found, sweep=scene.sweep())
    assert leases(scene) == []
    assert notes(scene) == {"note": "theirs"}
    writes = [(call.method, call.path.rsplit("/", 2)[-2]) for call in scene.api.calls if call.method != "GET"]
    assert writes[-2:] == [("PUT", "configmaps"), ("DELETE", "leases")]
    assert scene.api.calls[-1].body["preconditions"] == {
        "uid": found.uid,
        "resourceVersion": found.resource_version,
    }
    assert [(line["lease"], line["task"], line["epoch"]) for line in collected(scene)] == [(found.name, "7", 1)]
    told = [line for line in scene.events() if line.get("cause") == Cause.IDLE]
    assert [(line["epoch"], line["detail"]) for line in told] == [(1, "task 7")] * 2


def test_a_document_that_names_no_epoch_is_not_written(scene: Scene) -> None:
    found = judged(scene)
    forgotten = {"metadata": {"annotations": {EPOCH: None}}}
    scene.api.patch("configmaps", "task-7-state", forgotten, namespace=AGENTS)
    scene.api.calls.clear()
    retention.collect(found, sweep=scene.sweep())
    assert "PUT" not in {call.method for call in scene.api.calls}
    assert leases(scene) == []


def test_a_task_without_a_document_needs_none(scene: Scene) -> None:
    retention.collect(judged(scene, document=False), sweep=scene.sweep())
    assert leases(scene) == []


def test_a_lease_that_has_changed_since_is_kept_and_none_that_is_gone_is_missed(scene: Scene) -> None:
    found = judged(scene)
    change = {"metadata": {"labels": {"somebody": "looked-at-it"}}}
    scene.api.patch("leases", found.name, change, namespace=HOME)
    retention.collect(found, sweep=scene.sweep())
    assert len(leases(scene)) == 1
    scene.api.delete("leases", found.name, namespace=HOME)
    retention.collect(found, sweep=scene.sweep())
    assert collected(scene) == []
