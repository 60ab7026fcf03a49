"""One look at what is left of stopped runs: whose an object is, in which namespace, and how it is described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipelines.settings import Settings
from steps.agents.observation import Observation, observe
from steps.agents.owned_resources import OwnedResources
from steps.agents.runs import task_runs
from steps.cancellation.claim import claim_record
from steps.core.keys import KEEP
from steps.domain.agent import RunOutcome
from steps.domain.record import Record
from steps.kube.transport import Json
from steps.runtime.context import StepContext
from tests.support.harness import DEFAULTS, Scene
from tests.support.ownership import reference

ONE, TWO = "team-one", "team-two"
SETTINGS: Settings = replace(DEFAULTS, namespaces=replace(DEFAULTS.namespaces, agents=(ONE, TWO)))
POD = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "agent:1"}]}


@pytest.fixture
def two(scene: Scene) -> Scene:
    """A cluster with two namespaces of agents. Its clock stands still, so no controller changes an object.

    The garbage collector removes references into another namespace, a moment later.
    """
    found = Scene(
        github=scene.github,
        github_url=scene.github_url,
        clock=scene.clock,
        settings=SETTINGS,
        reconcile_settings=SETTINGS,
    )
    found.api.auto_collect = False
    return found


def put(scene: Scene, kind: str, name: str, *owners: Json, namespace: str, finalizers: Sequence[str] = ()) -> Json:
    """A Job or a pod with these owners, in whatever namespaces they are."""
    metadata = {
        "name": name,
        "namespace": namespace,
        "ownerReferences": [reference(each) for each in owners],
        "finalizers": [*finalizers],
    }
    version, spec = ("batch/v1", {"template": {"spec": POD}}) if kind == "Job" else ("v1", POD)
    return scene.api.create({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})


def run(scene: Scene, name: str, namespace: str, *, kept: bool = False) -> Json:
    found = scene.agent(name=name, namespace=namespace)
    if kept:
        scene.api.patch("coderuns", name, {"metadata": {"labels": {KEEP: "true"}}}, namespace=namespace)
    return scene.api.get("coderuns", found["metadata"]["name"], namespace=namespace)


def stopping(scene: Scene, *runs: Json) -> tuple[Record, StepContext, OwnedResources]:
    """The record of a push that stops these runs, its step, and what is known of them."""
    context = scene.context(scene.workflow(), pod="pod")
    record = claim_record(None, context=context)
    assert record is not None
    uids = {each["metadata"]["uid"] for each in runs}
    agents = [each.as_agent(outcome=RunOutcome.STOPPING, reason="") for each in task_runs(context) if each.uid in uids]
    owned = OwnedResources(run_uids=frozenset(uids), names=frozenset())
    return record.with_agents(tuple(agents)), context, owned


def remove(scene: Scene, run: Json) -> None:
    """Remove a run's object, and nothing else."""
    metadata = run["metadata"]
    if not scene.api.find("coderuns", metadata["name"], namespace=metadata["namespace"]):
        return
    scene.api.patch("coderuns", metadata["name"], {"metadata": {"finalizers": None}}, namespace=metadata["namespace"])
    scene.api.delete("coderuns", metadata["name"], namespace=metadata["namespace"], propagationPolicy="Background")


def observed(scene: Scene, *runs: Json, complete: bool = True) -> Observation:
    record, context, owned = stopping(scene, *runs)
    return observe(record, owned=owned, context=context, complete=complete)


def names(objects: Sequence[object]) -> list[str]:
    return sorted(str(getattr(each, "name", "")) for each in objects)


def test_an_object_with_a_second_owner_elsewhere_belongs_to_the_run_in_its_namespace(two: Scene) -> None:
    """Kubernetes follows no owner reference into another namespace."""
    stale, kept = run(two, "stale", TWO), run(two, "kept", ONE, kept=True)
    put(two, "Job", "job", stale, kept, namespace=TWO)
    put(two, "Pod", "pod", stale, kept, namespace=TWO)
    found = observed(two, stale)
    assert (names(found.objects), names(found.pods)) == (["job"], ["pod"])
    assert found.protected == {}


def test_an_object_that_names_a_run_elsewhere_does_not_belong_to_it(two: Scene) -> None:
    stale = run(two, "stale", ONE)
    put(two, "Job", "job", stale, namespace=TWO)
    put(two, "Pod", "pod", stale, namespace=TWO)
    record, context, owned = stopping(two, stale)
    for _ in ("there", "gone"):
        assert two.api.find("jobs", "job", namespace=TWO)
        found = observe(record, owned=owned, context=context, complete=True)
        assert (names(found.objects), names(found.pods)) == ([], [])
        remove(two, stale)


def test_a_kept_run_that_names_an_owner_elsewhere_protects_nothing_there(two: Scene) -> None:
    stale = run(two, "stale", ONE)
    job = put(two, "Job", "job", stale, namespace=ONE)
    kept = run(two, "kept", TWO, kept=True)
    owners = [reference(each) for each in (job, stale)]
    two.api.patch("coderuns", kept["metadata"]["name"], {"metadata": {"ownerReferences": owners}}, namespace=TWO)
    record, context, owned = stopping(two, stale)
    for _ in ("there", "gone"):
        found = observe(record, owned=owned, context=context, complete=True)
        assert found.protected == {}
        remove(two, stale)


def test_a_look_that_lists_no_objects_knows_its_namespaces(two: Scene) -> None:
    stale = run(two, "stale", ONE)
    found = observed(two, stale, complete=False)
    assert (found.complete, found.namespaces, found.objects) == (False, (ONE, TWO), ())


def test_the_job_of_a_run_that_has_not_ended_is_not_reported_as_left_at_work(two: Scene) -> None:
    stale = run(two, "stale", ONE)
    put(two, "Job", "job", stale, namespace=ONE)
    found = observed(two, stale)
    assert (names(found.objects), found.at_work) == (["job"], frozenset())


def test_the_job_of_an_inner_run_is_judged_with_that_run(two: Scene) -> None:
    outer, inner = run(two, "outer", ONE), run(two, "inner", ONE)
    two.api.patch("coderuns", "inner", {"metadata": {"ownerReferences": [reference(outer)]}}, namespace=ONE)
    own = put(two, "Job", "own", outer, namespace=ONE)
    put(two, "Job", "inners", inner, namespace=ONE)
    two.api.patch("coderuns", "outer", {"status": {"phase": "Failed"}}, namespace=ONE, subresource="status")
    found = observed(two, outer, inner)
    assert names(found.objects) == ["inners", "own"]
    assert found.at_work == {own["metadata"]["uid"]}


# How it is described.


def test_of_several_objects_the_one_that_a_finalizer_holds_is_named(two: Scene) -> None:
    stale = run(two, "stale", ONE)
    put(two, "Job", "a-job", stale, namespace=ONE)
    put(two, "Job", "b-job", stale, namespace=ONE, finalizers=["example.com/hold"])
    record, context, owned = stopping(two, stale)
    two.api.delete("jobs", "b-job", namespace=ONE, propagationPolicy="Background")
    found = replace(observe(record, owned=owned, context=context, complete=True), runs=())
    (agent,) = record.agents
    assert found.remains_of(agent).startswith("its Job b-job still exists; its finalizers are example.com/hold")


def test_a_pod_that_holds_its_run_is_named(two: Scene) -> None:
    stale = run(two, "stale", ONE)
    put(two, "Pod", "worker", stale, namespace=ONE, finalizers=["example.com/hold"])
    record, context, owned = stopping(two, stale)
    two.api.delete("coderuns", "stale", namespace=ONE, propagationPolicy="Foreground")
    two.api.delete("pods", "worker", namespace=ONE, gracePeriodSeconds=0)
    found = observe(record, owned=owned, context=context, complete=True)
    (agent,) = record.agents
    assert "its pod worker still exists; its finalizers are example.com/hold" in found.remains_of(agent)
