"""The audit: each write has its line, and no line quotes a payload."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from steps.cancel import cancel
from steps.core.errors import Exit, TerminatedError
from steps.fail import fail
from steps.runtime.entrypoint import pod_audit
from steps.telemetry.audit import AUDIT_EVENT, Audit, WriteCause
from steps.telemetry.log import Log
from tests.doubles.github import fail as github_fails
from tests.doubles.github import reply_lost
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.kubelet import Ending
from tests.support.broken_cluster import a_world
from tests.support.harness import DEFAULTS, NEW, NEWER, TOKEN, Scene

_METHODS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_KUBERNETES = re.compile(r"/apis?/(?:([^/]+)/)?v[^/]+/namespaces/([^/]+)/([^/]+)(?:/(.+))?")
_GITHUB = re.compile(r"/repos/([^/]+/[^/]+)/issues/(?:(\d+)/)?(labels|comments)(?:/(.+))?")


def lines(scene: Scene) -> list[dict[str, Any]]:
    """The audit."""
    return [line for line in scene.events() if line.get("event") == AUDIT_EVENT]


def audited(scene: Scene) -> Counter[tuple[str, ...]]:
    """Return the writes in the audit, and whether each succeeded."""
    names = ("api", "verb", "resource", "namespace", "name", "result")
    return Counter(tuple(line[name] for name in names) for line in lines(scene))


def sent(scene: Scene) -> Counter[tuple[str, ...]]:
    """Return the writes that the servers received."""
    found: list[tuple[str, ...]] = []
    for call in scene.api.calls:
        match = _KUBERNETES.fullmatch(call.path)
        assert match, call.path
        if (verb := _METHODS.get(call.method)) and "dryRun" not in call.query:  # a question writes nothing
            group, space, plural, name = match.groups()
            resource = f"{plural}.{group}" if group else plural
            name = name or call.body["metadata"]["name"]
            found.append(("kubernetes", verb, resource, space, name, _result(call.status)))
    for asked in scene.github.writes():
        match = _GITHUB.fullmatch(asked.path)
        assert match, asked.path
        repository, number, resource, name = match.groups()
        if resource == "labels":
            name = f"{number}/{name or asked.body['labels'][0]}"
        verb, name = _METHODS[asked.method], name or number
        found.append(("github", verb, resource, repository, name, _result(asked.status or 0)))
    return Counter(found)


def forget(scene: Scene) -> None:
    """Begin afresh."""
    scene.output.seek(0)
    scene.output.truncate()
    scene.api.calls.clear()
    scene.github.calls.clear()


def _result(status: int) -> str:
    if 200 <= status < 300:
        return "done"
    return "unknown" if status == 0 or status >= 500 or status == 429 else "refused"


def a_push(scene: Scene, *, agents: int = 2) -> None:
    """A push while agents work, and a state document."""
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"state.json": '{"secret": "of-the-platform"}'}}
    scene.api.create(config_map | {"metadata": {"name": "task-7-state", "namespace": DEFAULTS.namespaces.agents[0]}})
    for _ in range(agents):
        scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)


def test_every_write_of_a_push_has_its_line_and_every_line_its_write(scene: Scene) -> None:
    a_push(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert audited(scene) == sent(scene)
    assert {line["cause"] for line in lines(scene)} == {
        WriteCause.ACQUIRE,
        WriteCause.RECORD,
        WriteCause.STATE,
        WriteCause.STALE,
        WriteCause.EVENT,
        WriteCause.ADD_LABEL,
        WriteCause.REMOVE_LABEL,
        WriteCause.COMMENT,
        WriteCause.RELEASE,
    }
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    assert audited(scene) == sent(scene)
    assert ("github", "patch", "comments") in {key[:3] for key in audited(scene)}


def test_a_push_that_forces_waits_and_ends_others_has_a_line_for_each_write(scene: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], stop_patch={"metadata": {"annotations": {"stop": "please"}}})
    scene.settings = replace(DEFAULTS, agents=(kind,))
    a_push(scene)
    scene.kubelet.ending = Ending.DEAD_NODE
    workflow = scene.workflow()
    scene.later(1)
    waits = scene.workflow(pushed_at=workflow.push.pushed_at)
    assert scene.play(waits) is Exit.DONE
    assert audited(scene) == sent(scene)
    assert {WriteCause.RENEW, WriteCause.FORCE, WriteCause.ASK, WriteCause.ANSWERED} <= {
        line["cause"] for line in lines(scene)
    }


def test_a_refused_or_lost_write_has_its_line_too(scene: Scene) -> None:
    a_push(scene, agents=1)

    def touch(_: object) -> None:
        for name in scene.runs():
            status = {"status": {"message": "busy"}}
            scene.api.patch("coderuns", name, status, namespace=DEFAULTS.namespaces.agents[0], subresource="status")

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=touch))
    scene.api.faults.add(Fault(method="PUT", path="/leases/", lose="reply"))
    scene.api.faults.add(Fault(method="PUT", path="/configmaps/task-7", lose="request"))
    scene.api.faults.add(Fault(method="POST", path="/events", status=503))
    scene.github.fault(reply_lost(), method="POST", path="/labels$")
    scene.github.fault(github_fails(502), method="DELETE", path="/labels/")
    assert scene.play(scene.workflow()) is Exit.DONE
    assert audited(scene) == sent(scene)
    results = Counter(line["result"] for line in lines(scene))
    assert results["refused"] == 1
    assert results["unknown"] == 5
    assert all(line["error"] for line in lines(scene) if line["result"] != "done")


def test_a_failing_step_has_a_line_for_each_write_up_to_the_last(scene: Scene) -> None:
    a_push(scene)
    scene.github.fault(github_fails(403), method="POST", path="/labels$", times=99)
    assert scene.play(scene.workflow()) is Exit.FORBIDDEN
    assert audited(scene) == sent(scene)
    assert lines(scene)[-1]["detail"] == "CancellationFailed"


def test_reconcile_and_its_repairs_have_a_line_for_each_write() -> None:
    with a_world() as (scene, _):
        forget(scene)
        for _ in range(3):
            scene.reconcile()
            scene.run_repairs()
            scene.later(120)
        assert audited(scene) == sent(scene)
        causes = {line["cause"] for line in lines(scene)}
        assert {
            WriteCause.REPAIR,
            WriteCause.ORPHANED,
            WriteCause.TRIES,
            WriteCause.IDLE,
            WriteCause.ATTENTION,
        } <= causes


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "superseded"])
def test_what_writes_nothing_has_no_line(scene: Scene, *, dry_run: bool) -> None:
    a_push(scene)
    workflow = scene.workflow(dry_run=dry_run)
    if not dry_run:
        assert scene.play(workflow) is Exit.DONE
        forget(scene)
    pod = "again"
    assert scene.step(cancel, workflow, pod=pod) is Exit.DONE
    scene.step(fail, workflow, pod=pod)
    assert (lines(scene), sent(scene)) == ([], Counter())


def test_a_dry_run_of_reconcile_has_no_line() -> None:
    with a_world() as (scene, _):
        forget(scene)
        scene.reconcile(dry_run=True)
        assert (lines(scene), sent(scene)) == ([], Counter())


def test_a_line_says_who_what_why_and_between_which_versions(scene: Scene) -> None:
    a_push(scene, agents=1)
    (run,) = scene.api.list("coderuns", namespace=DEFAULTS.namespaces.agents[0])
    workflow = scene.workflow()
    assert scene.play(workflow) is Exit.DONE
    (deleted,) = [line for line in lines(scene) if line["cause"] == WriteCause.STALE]
    assert deleted["uid"] == run["metadata"]["uid"]
    assert deleted["version_before"] == run["metadata"]["resourceVersion"]
    assert int(deleted["version_after"]) > int(deleted["version_before"])
    assert (deleted["epoch"], deleted["detail"]) == (1, run["spec"]["githubApp"])
    assert (deleted["workflow"], deleted["correlation_id"]) == (workflow.name, workflow.push.correlation_id)
    (acquired,) = [line for line in lines(scene) if line["cause"] == WriteCause.ACQUIRE]
    (released,) = [line for line in lines(scene) if line["cause"] == WriteCause.RELEASE]
    assert (acquired["task"], acquired["phase"], released["phase"]) == ("7", "in_progress", "completed")
    assert workflow.uid in acquired["holder"]
    assert released["holder"] == ""
    labels = [line["labels_after"] for line in lines(scene) if line["resource"] == "labels"]
    assert sorted(labels[-1]) == ["remediation-in-progress", "task-7", "team-a"]


def test_no_line_has_a_payload_or_a_credential(scene: Scene) -> None:
    a_push(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    text = json.dumps(lines(scene))
    assert TOKEN not in text
    assert "of-the-platform" not in text
    assert all(len(json.dumps(line)) < 1200 for line in lines(scene))


def test_a_write_that_a_signal_interrupts_has_an_unknown_result(scene: Scene) -> None:
    def stop(_: object) -> None:
        raise TerminatedError("SIGTERM")

    a_push(scene)
    scene.api.faults.add(Fault(method="PUT", path="/leases/", after=stop))
    assert scene.step(cancel, scene.workflow(), pod="stopped") is Exit.TRY_AGAIN
    assert [line["result"] for line in lines(scene) if line.get("error") == "TerminatedError"] == ["unknown"]


def test_every_line_names_the_pod_its_workflow_and_its_account(scene: Scene) -> None:
    log = Log(clock=scene.clock, stream=scene.output).bind(requested_by="5DLabs-Rex[bot]")
    who = {"WORKFLOW_NAME": "cancel-1", "POD_NAME": "cancel-1-run-2", "SERVICE_ACCOUNT": "cancel-agents"}
    audit: Audit = pod_audit(who, log=log)
    scene.workflow(sha=NEWER)
    kube = scene.kube(audit)
    context = scene.context(scene.workflow(), pod="cancel-1-run-2")
    context = replace(context, clients=replace(context.clients, kube=kube))
    cancel(context)
    named = {
        (line["workflow"], line["pod"], line["account"], line["requested_by"])
        for line in lines(scene)
        if line["api"] == "kubernetes"
    }
    assert named == {("cancel-1", "cancel-1-run-2", "cancel-agents", "5DLabs-Rex[bot]")}
