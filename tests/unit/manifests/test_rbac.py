"""The Roles grant what the steps are seen to use, verb by verb: nothing is missing and nothing is left over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from pipelines.manifests.rbac import reconcile_access, steps_access
from pipelines.settings import Settings
from steps.cancel import cancel
from steps.core.errors import Exit
from tests.doubles.github import fail
from tests.doubles.kubernetes import Call, Fault
from tests.doubles.platform.kubelet import Ending
from tests.support.broken_cluster import HOME, STALE, a_world, name_of
from tests.support.harness import DEFAULTS, NEW, Scene

_PATH = re.compile(
    r"/apis?/(?:(?P<group>[^/]+)/)?v[^/]+/namespaces/(?P<space>[^/]+)/(?P<plural>[^/]+)(?:/(?P<name>.+))?"
)
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

Grants = set[tuple[str, str, str, str]]


def used(calls: list[Call]) -> Grants:
    found: Grants = set()
    for call in calls:
        match = _PATH.fullmatch(call.path)
        assert match, call.path
        verb = _VERBS.get(call.method) or ("get" if match["name"] else "list")
        found.add((match["space"], match["group"] or "", match["plural"], verb))
    return found


def granted(scene: Scene, access: Callable[[Settings], Iterable[dict[str, Any]]] = steps_access) -> Grants:
    settings = replace(DEFAULTS, agents=scene.settings.agents, namespaces=scene.settings.namespaces)
    return {
        (role["metadata"]["namespace"], group, resource, verb)
        for role in access(settings)
        if role["kind"] == "Role"
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if resource != "workflowtaskresults"  # Argo's own container in the pod writes those
    }


def test_the_roles_grant_exactly_the_verbs_that_are_used(scene: Scene) -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"state.json": "{}"}}
    scene.api.create(config_map | {"metadata": {"name": "task-7-state", "namespace": DEFAULTS.namespaces.agents}})
    scene.kubelet.ending = Ending.DEAD_NODE
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.step(cancel, workflow, pod="crashed")
    scene.end_pod("crashed", phase="Failed")
    scene.agent()
    scene.later(5)
    scene.workflow(pushed_at=workflow.push.pushed_at)
    later = scene.workflow()

    def touch(_: object) -> None:
        status = {"status": {"message": "busy"}}
        for run in scene.runs() - {name}:
            scene.api.patch("coderuns", run, status, namespace=DEFAULTS.namespaces.agents, subresource="status")

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=touch))
    scene.github.fault(fail(503), method="GET", path="/pulls$")
    assert scene.play(later) is Exit.DONE
    assert used(scene.api.calls) == granted(scene)


def test_asking_a_run_to_stop_needs_one_verb_more(scene: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], stop_patch={"metadata": {"annotations": {"stop": "please"}}})
    scene.settings = replace(DEFAULTS, agents=(kind,))
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow()) is Exit.DONE
    patch = (DEFAULTS.namespaces.agents, "agents.platform", "coderuns", "patch")
    assert patch in used(scene.api.calls)
    assert patch in granted(scene)


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
