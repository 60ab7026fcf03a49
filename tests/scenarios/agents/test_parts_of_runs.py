"""Jobs and pods that look like runs themselves, because the template of their run copies its labels to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from pipelines.manifests.rbac import reconcile_access
from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from steps.kube.transport import Json
from steps.settings import RunKind
from tests.doubles.platform.runs import TESS
from tests.support import ownership
from tests.support.documented_kinds import KINDS
from tests.support.harness import DEFAULTS, NEW, REPOSITORY, Scene
from tests.support.rbac import granted, used
from tests.support.scenarios import AGENTS

LABELS = {"task-id": "7", "agent": TESS, "kind-of-work": "agent"}
NOTES = {"repository": REPOSITORY, "branch": "task-7-work"}
CODE_RUN, JOB, POD = DEFAULTS.agents[0], KINDS["job"], KINDS["pod"]
PIPELINE_RUN = KINDS["tekton-pipeline-run"]
KEEP = {"metadata": {"labels": {"agent-cancellation/keep": "true"}}}


def work_with(scene: Scene, *kinds: RunKind) -> None:
    """Let agents be of these kinds."""
    scene.settings = scene.reconcile_settings = replace(DEFAULTS, agents=kinds)


def run_with_labelled_job(scene: Scene) -> tuple[str, str]:
    """Start a CodeRun whose Job looks like an agent's own Job; their names."""
    work_with(scene, CODE_RUN, JOB)
    run = scene.agent()["metadata"]["name"]
    scene.later(1)
    job = scene.api.get("coderuns", run, namespace=AGENTS)["status"]["jobName"]
    scene.api.patch("jobs", job, {"metadata": {"labels": LABELS, "annotations": NOTES}}, namespace=AGENTS)
    return run, job


def start_job(scene: Scene, *, owners: Sequence[Mapping[str, str]] = ()) -> str:
    """Start an agent as a Job whose pods have its labels; the name of its pod."""
    metadata = {"labels": LABELS, "annotations": NOTES}
    template = {
        "metadata": metadata,
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "agent"}]},
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "fix", "namespace": AGENTS, "ownerReferences": [*owners], **metadata},
        "spec": {"backoffLimit": 6, "template": template},
    }
    scene.api.create(job)
    scene.later(5)
    (pod,) = (name for name in pods(scene) if name.startswith("fix-"))
    return pod


def pods(scene: Scene) -> list[str]:
    return [each["metadata"]["name"] for each in scene.api.list("pods", namespace=AGENTS)]


def push(scene: Scene) -> Exit:
    scene.github.push("task-7-work", NEW)
    return scene.play(scene.workflow())


def outcomes(scene: Scene) -> dict[str, RunOutcome]:
    return {agent.kind: agent.outcome for agent in scene.record().agents}


@pytest.mark.parametrize("kinds", [(JOB, POD), (POD, JOB)], ids=["job, pod", "pod, job"])
def test_a_pod_of_a_kept_job_is_kept_with_it(scene: Scene, kinds: tuple[RunKind, RunKind]) -> None:
    work_with(scene, *kinds)
    pod = start_job(scene)
    scene.api.patch("jobs", "fix", KEEP, namespace=AGENTS)
    assert push(scene) is Exit.DONE
    assert pods(scene) == [pod]
    assert outcomes(scene) == {"jobs": RunOutcome.KEPT}
    assert scene.reconcile() == ()


def test_a_job_of_a_kept_run_is_kept_with_it(scene: Scene) -> None:
    run, job = run_with_labelled_job(scene)
    scene.api.patch("coderuns", run, KEEP, namespace=AGENTS)
    scene.later(5)
    assert push(scene) is Exit.DONE
    assert [each["metadata"]["name"] for each in scene.api.list("jobs", namespace=AGENTS)] == [job]
    assert outcomes(scene) == {"coderuns": RunOutcome.KEPT}


def test_a_pod_that_replaces_a_lost_one_after_the_push_does_not_protect_its_job(scene: Scene) -> None:
    work_with(scene, JOB, POD)
    lost = start_job(scene)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.later(5)
    scene.api.delete("pods", lost, namespace=AGENTS)  # its node is drained
    scene.later(5)
    assert pods(scene) not in ([], [lost])
    assert scene.play(workflow) is Exit.DONE
    assert (pods(scene), outcomes(scene)) == ([], {"jobs": RunOutcome.GONE})


def test_a_job_whose_run_has_finished_is_a_run_of_its_own(scene: Scene) -> None:
    run, _ = run_with_labelled_job(scene)
    scene.api.patch("coderuns", run, {"status": {"phase": "Failed"}}, namespace=AGENTS, subresource="status")
    scene.later(5)
    assert push(scene) is Exit.DONE
    assert outcomes(scene)["jobs"] is RunOutcome.GONE


def test_a_job_that_a_kept_run_owns_but_does_not_control_is_a_run_of_its_own(scene: Scene) -> None:
    """Agents start further runs, and own them in that way."""
    work_with(scene, CODE_RUN, JOB)
    run = scene.agent()["metadata"]
    scene.api.patch("coderuns", run["name"], KEEP, namespace=AGENTS)
    owner = {"apiVersion": "agents.platform/v1", "kind": "CodeRun", "name": run["name"], "uid": run["uid"]}
    start_job(scene, owners=[owner])
    assert push(scene) is Exit.DONE
    assert outcomes(scene) == {"coderuns": RunOutcome.KEPT, "jobs": RunOutcome.GONE}


# Kinds whose controllers put other objects between a run and its pods.


def start_pipeline_run(scene: Scene) -> None:
    """Start an agent as a PipelineRun. As Tekton does, its TaskRun and pod get its labels and annotations."""
    metadata = {"labels": LABELS, "annotations": NOTES}
    work = ownership.task_run(scene, "fix-work", ownership.pipeline_run(scene, "fix", **metadata))
    as_tekton_does(scene, "taskruns", "fix-work")
    start_pod_of(scene, "fix-work-pod", work)


def start_pod_of(scene: Scene, name: str, owner: Json) -> None:
    ownership.pod(scene, name, owner, labels={"tekton.dev/pipelineRun": "fix"})
    as_tekton_does(scene, "pods", name)


def as_tekton_does(scene: Scene, plural: str, name: str) -> None:
    (owner,) = scene.api.get(plural, name, namespace=AGENTS)["metadata"]["ownerReferences"]
    metadata = {"labels": LABELS, "annotations": NOTES, "ownerReferences": [{**owner, "controller": True}]}
    scene.api.patch(plural, name, {"metadata": metadata}, namespace=AGENTS)


def test_the_pod_of_a_kept_pipeline_run_is_kept_with_it(scene: Scene) -> None:
    work_with(scene, PIPELINE_RUN, POD)
    start_pipeline_run(scene)
    scene.api.patch("pipelineruns", "fix", KEEP, namespace=AGENTS)
    scene.later(5)
    assert push(scene) is Exit.DONE
    assert pods(scene) == ["fix-work-pod"]
    assert outcomes(scene) == {"pipelineruns": RunOutcome.KEPT}
    assert scene.reconcile() == ()


def test_a_pod_that_a_stale_pipeline_run_starts_after_the_push_does_not_protect_it(scene: Scene) -> None:
    work_with(scene, PIPELINE_RUN, POD)
    start_pipeline_run(scene)
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.later(5)
    start_pod_of(scene, "fix-work-retry", scene.api.get("taskruns", "fix-work", namespace=AGENTS))
    assert scene.play(workflow) is Exit.DONE
    assert (pods(scene), outcomes(scene)) == ([], {"pipelineruns": RunOutcome.GONE})


def test_the_pod_of_a_kept_run_is_kept_although_only_the_pod_and_not_its_job_looks_like_a_run(scene: Scene) -> None:
    work_with(scene, CODE_RUN, POD)
    run = scene.agent()["metadata"]["name"]
    scene.later(5)
    (pod,) = pods(scene)
    scene.api.patch("pods", pod, {"metadata": {"labels": LABELS, "annotations": NOTES}}, namespace=AGENTS)
    scene.api.patch("coderuns", run, KEEP, namespace=AGENTS)
    assert push(scene) is Exit.DONE
    assert pods(scene) == [pod]
    assert outcomes(scene) == {"coderuns": RunOutcome.KEPT}
    assert scene.reconcile() == ()


def test_a_pod_whose_task_run_belongs_to_no_run_is_a_run_of_its_own(scene: Scene) -> None:
    work_with(scene, PIPELINE_RUN, POD)
    ownership.pipeline_run(scene, "other")
    start_pod_of(scene, "fix-work-pod", ownership.task_run(scene, "fix-work"))
    scene.later(5)
    assert push(scene) is Exit.DONE
    assert (pods(scene), outcomes(scene)) == ([], {"pods": RunOutcome.GONE})


def test_both_accounts_may_read_what_lies_between_a_run_and_its_pods(scene: Scene) -> None:
    work_with(scene, PIPELINE_RUN, POD)
    start_pipeline_run(scene)
    scene.later(5)
    assert push(scene) is Exit.DONE
    before = len(scene.api.calls)
    start_pod_of(scene, "late-pod", ownership.task_run(scene, "late"))
    scene.reconcile()
    reads = (AGENTS, "tekton.dev", "taskruns", "list")
    assert reads in used(scene.api.calls[:before]) & granted(scene)
    assert reads in used(scene.api.calls[before:]) & granted(scene, reconcile_access)


def test_what_lies_between_is_not_read_if_no_job_or_pod_can_be_a_run(scene: Scene) -> None:
    work_with(scene, PIPELINE_RUN)
    start_pipeline_run(scene)
    scene.reconcile()
    reads = (AGENTS, "tekton.dev", "taskruns", "list")
    assert reads not in used(scene.api.calls) | granted(scene, reconcile_access)
