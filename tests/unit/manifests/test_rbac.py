"""The Roles grant what the steps are seen to use, verb by verb: nothing is missing and nothing is left over."""

from __future__ import annotations

from dataclasses import replace

from pipelines.manifests.rbac import reconcile_access, steps_access
from steps.core.errors import Exit
from tests.doubles.github import fail
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.kubelet import Ending
from tests.support.broken_cluster import HOME, STALE, a_world, name_of
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene
from tests.support.rbac import granted, used


def test_the_roles_grant_exactly_the_verbs_that_are_used(scene: Scene) -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"state.json": "{}"}}
    scene.api.create(config_map | {"metadata": {"name": "task-7-state", "namespace": DEFAULTS.namespaces.agents[0]}})
    scene.kubelet.ending = Ending.DEAD_NODE
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.begin(workflow, pod="crashed")
    scene.end_pod("crashed", phase="Failed")
    loose = scene.agent()["metadata"]["name"]
    scene.later(5)
    job = scene.api.get("coderuns", loose, namespace=DEFAULTS.namespaces.agents[0])["status"]["jobName"]
    without_owner = {"metadata": {"ownerReferences": None}}
    scene.api.patch("jobs", job, without_owner, namespace=DEFAULTS.namespaces.agents[0])
    scene.workflow(pushed_at=workflow.push.pushed_at)
    scene.github.push("task-7-work", NEWER)
    later = scene.workflow(sha=NEWER)
    scene.workflow(task=8)

    def touch(_: object) -> None:
        status = {"status": {"message": "busy"}}
        for run in scene.runs() - {name}:
            scene.api.patch("coderuns", run, status, namespace=DEFAULTS.namespaces.agents[0], subresource="status")

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=touch))
    scene.github.fault(fail(503), method="GET", path="/pulls$")
    assert scene.play(later) is Exit.DONE
    assert used(scene.api.calls) == granted(scene)


def test_without_help_no_lease_is_listed() -> None:
    off = replace(DEFAULTS, help=replace(DEFAULTS.help, pushes=0))
    rules = [rule for role in steps_access(off) for rule in role.get("rules", ())]
    (verbs,) = [rule["verbs"] for rule in rules if rule["resources"] == ["leases"]]
    assert "list" not in verbs


def test_asking_a_run_to_stop_needs_one_verb_more(scene: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], stop_patch={"metadata": {"annotations": {"stop": "please"}}})
    scene.settings = replace(DEFAULTS, agents=(kind,))
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow()) is Exit.DONE
    patch = (DEFAULTS.namespaces.agents[0], "agents.platform", "coderuns", "patch")
    assert patch in used(scene.api.calls)
    assert patch in granted(scene)


def test_what_a_kind_owns_is_listed_and_only_jobs_may_be_deleted() -> None:
    kind = replace(DEFAULTS.agents[0], owns=("tekton.dev/v1/taskruns", "v1/configmaps"), pod_selector={"run": "{name}"})
    for kinds, jobs in (
        ((kind,), ["list", "delete"]),
        ((replace(kind, delete=False, stop_patch={"spec": {}}),), ["list"]),
        ((replace(kind, job=""),), None),
    ):
        settings = replace(DEFAULTS, agents=kinds)
        (role,) = (
            each
            for each in steps_access(settings)
            if each["kind"] == "Role" and each["metadata"]["namespace"] == DEFAULTS.namespaces.agents[0]
        )
        verbs = {rule["resources"][0]: rule["verbs"] for rule in role["rules"]}
        assert len(verbs) == len(role["rules"])
        assert (verbs["taskruns"], verbs.get("jobs")) == (["list"], jobs)
        assert verbs["configmaps"] == ["list", "get", "update"]
        assert verbs["pods"] == ["list", "delete"]


def test_reconciles_role_grants_exactly_the_verbs_that_it_uses() -> None:
    with a_world() as (scene, _):
        other = scene.context(scene.workflow(task=99), pod="somebody-else")
        taken = {"spec": {"holderIdentity": str(other.holder), "leaseTransitions": 9}}

        def take(_: object) -> None:
            scene.api.patch("leases", name_of(STALE), taken, namespace=HOME)

        scene.api.faults.add(Fault(method="GET", path=f"/leases/{name_of(STALE)}", before=take))
        scene.github.fault(fail(503), method="GET", path="/activity$")
        scene.reconcile()
        assert used(scene.api.calls) == granted(scene, reconcile_access)
