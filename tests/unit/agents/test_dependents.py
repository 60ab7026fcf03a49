"""The run that a Job or a pod belongs to: by owner, by name, and if another run has the same name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

import pytest

from steps.agents.dependents import (
    delete_jobs,
    force_delete_pods,
    has_ended,
    list_active_pods,
    list_objects,
    owned_resources,
    read_run,
)
from steps.agents.owned_object import OwnedObject
from steps.agents.owned_resources import JOB_NAME, OwnedResources
from steps.cancellation.claim import claim_record
from steps.core.errors import ForbiddenError, LockLostError
from steps.kube.resources import JOBS, PODS
from steps.kube.transport import Json, Response
from steps.lease.held_lease import HeldLease
from steps.runtime.context import StepContext
from tests.doubles.kubernetes import ApiServer, Fault
from tests.support import factories
from tests.support.harness import DEFAULTS, Scene
from tests.support.scene.in_process import InProcess

AGENTS = DEFAULTS.namespaces.agents[0]
RUN, OTHER = "run", "other-run"


def job(uid: str, *owners: str, name: str = "") -> OwnedObject:
    """A Job."""
    return factories.owned_object(uid, *owners, name=name or f"name-of-{uid}")


def pod(*owners: str, of: str = "") -> OwnedObject:
    """A pod with the label of its Job's name."""
    return factories.owned_object("pod", *owners, resource=PODS, labels={JOB_NAME: of} if of else {})


FAMILY = OwnedResources(run_uids=frozenset({RUN}), names=frozenset({"called"})).with_others({RUN, OTHER})


@pytest.mark.parametrize(
    ("found", "belongs"),
    [
        pytest.param(job("j", RUN), True, id="the run owns it"),
        pytest.param(job("j", name="called"), True, id="the run names it, and it has no owner"),
        pytest.param(job("j", "unknown", name="called"), True, id="something in between owns it"),
        pytest.param(job("j", OTHER, name="called"), False, id="another run has inherited the name"),
        pytest.param(job(OTHER, name="called"), False, id="it is another run itself"),
        pytest.param(job("j", OTHER, RUN), True, id="both own it"),
        pytest.param(job("j", OTHER), False, id="another run's"),
        pytest.param(job("j"), False, id="no owner"),
    ],
)
def test_a_job_belongs_to_its_owner_or_to_the_run_that_names_it(found: OwnedObject, *, belongs: bool) -> None:
    assert FAMILY.has(found) is belongs
    assert set(FAMILY.with_objects([found]).objects) == ({found.uid} if belongs else set())


def with_jobs() -> OwnedResources:
    """The runs' resources, after their Job and a namesake of it were seen."""
    return FAMILY.with_objects([job("own", RUN), job("theirs", OTHER, name="called")])


@pytest.mark.parametrize(
    ("found", "belongs"),
    [
        pytest.param(pod(RUN), True, id="the run owns it"),
        pytest.param(pod("own"), True, id="its Job owns it"),
        pytest.param(pod(of="called"), True, id="the run names its Job, and it has no owner"),
        pytest.param(pod(of="name-of-own"), True, id="it has outlived the Job that was seen"),
        pytest.param(pod("gone", of="called"), True, id="a Job owns it that was never seen"),
        pytest.param(pod("theirs", of="called"), False, id="a namesake of the Job owns it"),
        pytest.param(pod(OTHER, of="called"), False, id="another run owns it"),
        pytest.param(pod("elsewhere"), False, id="another object owns it"),
        pytest.param(pod(), False, id="no owner"),
    ],
)
def test_a_pod_belongs_to_its_owner_or_to_the_run_that_names_its_job(found: OwnedObject, *, belongs: bool) -> None:
    assert with_jobs().has(found) is belongs


TWO = OwnedResources(
    run_uids=frozenset({RUN, "second"}),
    names=frozenset({"called", "second-called"}),
    objects={
        each.uid: each for each in (job("first-job", RUN), job("named", name="called"), job("second-job", "second"))
    },
    others=frozenset({OTHER}),
)


def test_only_one_run_keeps_its_jobs_by_owner_and_by_name_and_the_rest_become_others() -> None:
    one = TWO.only({RUN}, names={"called", ""})
    assert one.run_uids == {RUN}
    assert one.names == {"called"}, "a run without a Job's name has an empty one"
    assert one.objects.keys() == {"first-job", "named"}
    assert one.others == {OTHER, "second", "second-job"}


@pytest.mark.parametrize(
    ("found", "belongs"),
    [
        pytest.param(pod("first-job"), True, id="its own Job owns it"),
        pytest.param(pod("named", of="called"), True, id="the Job that it names owns it"),
        pytest.param(pod("second-job", of="called"), False, id="the Job of another run that is stopped owns it"),
        pytest.param(pod("second", of="called"), False, id="another run that is stopped owns it"),
        pytest.param(pod(of="second-called"), False, id="another run names its Job"),
    ],
)
def test_only_the_pods_of_one_run_are_its_own(found: OwnedObject, *, belongs: bool) -> None:
    assert TWO.only({RUN}, names={"called"}).has(found) is belongs


def test_known_jobs_stay_known_when_more_are_added() -> None:
    again = with_jobs().with_objects([job("second", RUN)]).with_others({"third"}).with_objects([])
    assert set(again.objects) == {"own", "second"}
    assert again.others == {OTHER, "theirs", "third"}
    assert again.job_names == {"called", "name-of-own", "name-of-second"}


def test_removing_a_run_removes_its_jobs() -> None:
    owned = OwnedResources(run_uids=frozenset({RUN, OTHER}), names=frozenset({"called", "other"}))
    owned = owned.with_objects([job("a", RUN), job("b", OTHER), job("c", name="other"), job("d", name="called")])
    left = owned.without({OTHER}, names={"other"})
    assert (set(left.run_uids), set(left.names), set(left.objects)) == ({RUN}, {"called"}, {"a", "d"})


def put_job(scene: Scene, name: str) -> None:
    """A Job without owners."""
    pod_spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "agent:1"}]}
    metadata = {"name": name, "namespace": AGENTS}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod_spec}}}
    scene.api.create(body)


def test_active_jobs_and_pods_are_found_by_owner_and_by_name_as_metadata(scene: Scene) -> None:
    run = scene.agent()["metadata"]
    scene.agent()
    for name in ("called", "not-called"):
        put_job(scene, name)
    scene.later(5)
    owned = OwnedResources(run_uids=frozenset({run["uid"]}), names=frozenset({f"{AGENTS}/called"}))
    owned = owned.with_objects(list_objects([JOBS], kube=scene.kube(), namespaces=[AGENTS]))
    owned_job = scene.api.get("coderuns", run["name"], namespace=AGENTS)["status"]["jobName"]
    assert {job.name for job in owned.objects.values()} == {"called", owned_job}
    pods = [pod for pod in list_active_pods(kube=scene.kube(), namespaces=[AGENTS]) if owned.has(pod)]
    assert {pod.labels[JOB_NAME] for pod in pods} == {"called", owned_job}
    for each in pods:
        scene.kubelet.finish(each.name)
    assert [pod for pod in list_active_pods(kube=scene.kube(), namespaces=[AGENTS]) if owned.has(pod)] == []


class Recording(InProcess):
    """Records what each list is asked for."""

    def __init__(self, api: ApiServer) -> None:
        super().__init__(api)
        self.accepted: list[tuple[str, bool]] = []

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Forward a request."""
        plural = target.partition("?")[0].rpartition("/")[2]
        self.accepted.append((plural, "PartialObjectMetadataList" in headers["Accept"]))
        return super().send(method=method, target=target, headers=headers, body=body, timeout_s=timeout_s)


def test_objects_and_pods_are_listed_as_metadata(scene: Scene) -> None:
    transport = Recording(scene.api)
    kube = scene.kube(transport=transport)
    list_objects([JOBS], kube=kube, namespaces=[AGENTS])
    list_active_pods(kube=kube, namespaces=[AGENTS])
    assert transport.accepted == [("jobs", True), ("pods", True)]


RUNS_ONLY = replace(DEFAULTS.agents[0], plural="runs", job="", owns=())
NESTED = replace(RUNS_ONLY, plural="nested", owns=("tekton.dev/v1/taskruns", "v1/configmaps"))


@pytest.mark.parametrize(
    ("plurals", "expected"),
    [
        ({"runs"}, set()),
        ({"coderuns"}, {"jobs.batch"}),
        ({"nested"}, {"taskruns.tekton.dev", "configmaps"}),
        ({"coderuns", "nested"}, {"jobs.batch", "taskruns.tekton.dev", "configmaps"}),
        ({"gone-from-the-settings"}, {"jobs.batch", "taskruns.tekton.dev", "configmaps"}),
    ],
)
def test_only_what_runs_of_these_kinds_own_is_listed(plurals: set[str], expected: set[str]) -> None:
    found = owned_resources((RUNS_ONLY, DEFAULTS.agents[0], NESTED), plurals=plurals)
    assert set(map(str, found)) == expected


@pytest.mark.parametrize(
    ("conditions", "ended"),
    [
        ([], False),
        ([{"type": "Complete", "status": "True"}], True),
        ([{"type": "Failed", "status": "True"}], True),
        ([{"type": "Failed", "status": "False"}], False),
        ([{"type": "Suspended", "status": "True"}], False),
    ],
)
def test_a_job_has_ended_if_one_of_its_conditions_says_so(
    scene: Scene, conditions: list[dict[str, str]], *, ended: bool
) -> None:
    put_job(scene, "one")
    put_job(scene, "other")
    status = {"status": {"conditions": conditions}}
    scene.api.patch("jobs", "one", status, namespace=AGENTS, subresource="status")
    job = next(each for each in list_objects([JOBS], kube=scene.kube(), namespaces=[AGENTS]) if each.name == "one")
    assert has_ended(job, kube=scene.kube()) is ended
    assert scene.api.calls[-1].query["fieldSelector"] == "metadata.name=one"
    assert has_ended(replace(job, uid="of its namesake"), kube=scene.kube())


def test_a_suspended_job_may_go_on_unless_whoever_asks_says_otherwise(scene: Scene) -> None:
    put_job(scene, "one")
    scene.api.patch("jobs", "one", {"spec": {"suspend": True}}, namespace=AGENTS)
    (job,) = list_objects([JOBS], kube=scene.kube(), namespaces=[AGENTS])
    assert not has_ended(job, kube=scene.kube())
    assert has_ended(job, kube=scene.kube(), suspended=True)


def test_an_object_of_no_kind_of_run_is_not_read_again(scene: Scene) -> None:
    put_job(scene, "one")
    (job,) = list_objects([JOBS], kube=scene.kube(), namespaces=[AGENTS])
    scene.api.calls.clear()
    assert read_run(job, settings=scene.settings, kube=scene.kube()) is None
    assert scene.api.calls == []


def held_lease(scene: Scene) -> tuple[StepContext, HeldLease]:
    context = scene.context(scene.workflow(), pod="step")
    held = context.lease().acquire(lambda _: claim_record(None, context=context))
    assert held is not None
    return context, held


def test_a_job_that_is_gone_or_cannot_be_deleted_does_not_block_the_delete_of_others(scene: Scene) -> None:
    for name in ("gone", "refused", "fine"):
        put_job(scene, name)
    jobs = list_objects([JOBS], kube=scene.kube(), namespaces=[AGENTS])
    gone, refused, fine = (next(job for job in jobs if job.name == name) for name in ("gone", "refused", "fine"))
    scene.api.delete("jobs", "gone", namespace=AGENTS, propagationPolicy="Background")
    scene.api.faults.add(Fault(method="DELETE", path="/jobs/refused", status=403, reason="Forbidden", times=0))
    context, held = held_lease(scene)
    answers = delete_jobs([gone, fine, refused], kube=context.clients.kube, held=held)
    assert answers.keys() == {refused.uid, fine.uid}
    assert isinstance(answers[refused.uid], ForbiddenError)
    assert answers[fine.uid] is None
    lines = [line["detail"] for line in scene.events() if line.get("resource") == "jobs.batch"]
    assert lines == ["gone", "fine", "refused", "refused", "refused"]


@pytest.mark.parametrize("slow", [0.0, DEFAULTS.lease.renew_deadline_s], ids=["in time", "the Lease runs out"])
def test_a_delete_of_a_job_that_is_refused_for_a_moment_is_sent_again_only_under_the_lease(
    scene: Scene, slow: float
) -> None:
    put_job(scene, "one")
    jobs = list_objects([JOBS], kube=scene.kube(), namespaces=[AGENTS])
    context, held = held_lease(scene)
    refused = Fault(
        method="DELETE", path="/jobs/", status=403, reason="Forbidden", before=lambda _: scene.clock.sleep(slow)
    )
    scene.api.faults.add(refused)
    with pytest.raises(LockLostError) if slow else nullcontext():
        delete_jobs(jobs, kube=context.clients.kube, held=held)
    assert [call.method for call in scene.api.calls if call.method == "DELETE"] == ["DELETE"] * (1 if slow else 2)


def test_a_pod_that_is_gone_does_not_block_the_forced_delete_of_others(scene: Scene) -> None:
    put_job(scene, "one")
    put_job(scene, "two")
    scene.later(5)
    pods = list_active_pods(kube=scene.kube(), namespaces=[AGENTS])
    scene.api.delete("pods", pods[0].name, namespace=AGENTS, gracePeriodSeconds=0)
    context = scene.context(scene.workflow(), pod="step")
    held = context.lease().acquire(lambda _: claim_record(None, context=context))
    assert held is not None
    force_delete_pods(pods, kube=context.clients.kube, held=held)
    asked = [call.body for call in scene.api.calls if call.method == "DELETE"]
    assert asked == [{"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}} for pod in pods]
    left = {pod["metadata"]["uid"] for pod in scene.api.list("pods", namespace=AGENTS)}
    assert left.isdisjoint(pod.uid for pod in pods)


@pytest.mark.parametrize("slow", [0.0, DEFAULTS.lease.renew_deadline_s], ids=["in time", "the Lease runs out"])
def test_a_forced_delete_that_is_refused_for_a_moment_is_sent_again_only_under_the_lease(
    scene: Scene, slow: float
) -> None:
    put_job(scene, "one")
    scene.later(5)
    pods = list_active_pods(kube=scene.kube(), namespaces=[AGENTS])
    context = scene.context(scene.workflow(), pod="step")
    held = context.lease().acquire(lambda _: claim_record(None, context=context))
    assert held is not None
    refused = Fault(
        method="DELETE", path="/pods/", status=403, reason="Forbidden", before=lambda _: scene.clock.sleep(slow)
    )
    scene.api.faults.add(refused)
    with pytest.raises(LockLostError) if slow else nullcontext():
        force_delete_pods(pods, kube=context.clients.kube, held=held)
    assert [call.method for call in scene.api.calls if call.method == "DELETE"] == ["DELETE"] * (1 if slow else 2)
