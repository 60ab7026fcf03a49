"""Each preset on the doubles: its runs are found, judged and stopped, and gone only when their last pod is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.agent import Agent, RunOutcome
from steps.kube.events import EventReason
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import REX
from tests.support import ownership
from tests.support.documented_kinds import KINDS
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene
from tests.support.ownership import give_owners, names
from tests.support.runs_of_presets import AGENTS, PRESETS, Preset, kinds_of, pods_of
from tests.support.scenarios import MOVED, UNTOUCHED, pushed

BY_NAME: Mapping[str, Preset] = {preset.name: preset for preset in PRESETS}
SCALED = [BY_NAME["deployment"], BY_NAME["stateful-set"]]
OF_EACH = pytest.mark.parametrize("preset", PRESETS, ids=list(BY_NAME))


def ready(scene: Scene, *presets: Preset) -> Scene:
    """The settings have these kinds and no other."""
    scene.settings = replace(DEFAULTS, agents=tuple(preset.kind for preset in presets))
    return scene


def pods_at_label(scene: Scene, run: str) -> list[set[str]]:
    """The pods of a run that are there when the new label is added, once it has been."""
    seen: list[set[str]] = []
    scene.github.before(lambda: seen.append(pods_of(scene, run)), method="POST", path="/labels$")
    return seen


def recorded_agents(scene: Scene) -> dict[str, Agent]:
    return {agent.name: agent for agent in scene.record().agents}


@OF_EACH
@pytest.mark.parametrize("ending", [Ending.AFTER, Ending.DEAD_NODE], ids=["ends slowly", "does not end"])
def test_a_stale_run_of_each_preset_is_gone_with_its_last_pod(scene: Scene, preset: Preset, ending: Ending) -> None:
    ready(scene, preset)
    scene.kubelet.ending, scene.kubelet.exit_after_s = ending, 7.0
    preset.run(scene, "stale")
    preset.run(scene, "exempt", agent=REX)
    scene.later(5)
    assert (len(pods_of(scene, "stale")), len(pods_of(scene, "exempt"))) == (1, 1)
    seen = pods_at_label(scene, "stale")
    pushed(scene)
    workflow = scene.workflow()
    scene.later(2)
    preset.run(scene, "newer", commit=NEW)
    assert scene.attempt(workflow) is Exit.DONE
    assert seen == [set()]
    assert (len(pods_of(scene, "exempt")), len(pods_of(scene, "newer"))) == (1, 1)
    assert kinds_of(scene, preset) == {"exempt", "newer"} | ({"stale"} if preset in SCALED else set())
    agents = recorded_agents(scene)
    assert agents["stale"].outcome is (RunOutcome.FINISHED if preset in SCALED else RunOutcome.GONE)
    assert (agents["exempt"].outcome, agents["newer"].outcome) == (RunOutcome.KEPT, RunOutcome.KEPT)
    assert set(scene.github.labels(1)) == MOVED


@OF_EACH
def test_a_second_push_finds_nothing_to_do(scene: Scene, preset: Preset) -> None:
    ready(scene, preset)
    preset.run(scene, "stale")
    scene.later(5)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    pushed(scene, NEWER)
    before = len(scene.api.calls)
    assert scene.attempt(scene.workflow(sha=NEWER)) is Exit.DONE
    writes = [call for call in scene.api.calls[before:] if f"/{AGENTS}/{preset.kind.plural}/" in call.path]
    assert writes == []


@OF_EACH
def test_the_event_of_a_stopped_run_names_its_kind(scene: Scene, preset: Preset) -> None:
    ready(scene, preset)
    preset.run(scene, "stale")
    scene.later(5)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    (event,) = scene.kubernetes_events(EventReason.CANCELLED)
    assert event["involvedObject"]["kind"] == preset.object_kind


def test_the_shipped_kind_of_runs_is_the_preset_of_code_runs() -> None:
    shipped = DEFAULTS.agents[0]
    assert replace(KINDS["code-run"], cancellable=shipped.cancellable, exempt=shipped.exempt) == shipped


# Kinds that are scaled to zero.


def scale(scene: Scene, preset: Preset, replicas: int, *, commit: str = OLD) -> None:
    """Somebody scales a run."""
    patch = {"metadata": {"annotations": {"commit": commit}}, "spec": {"replicas": replicas}}
    scene.api.patch(preset.kind.plural, "run", patch, namespace=AGENTS)


def deleted_pod(scene: Scene, *, removed_after_s: float) -> list[set[str]]:
    """A stale run that is a pod ends when it is deleted. The runs that are there when the label is added."""
    ready(scene, BY_NAME["pod"])
    BY_NAME["pod"].run(scene, "stale")
    scene.kubelet.removed_after_s = removed_after_s
    scene.later(5)
    seen: list[set[str]] = []
    scene.github.before(lambda: seen.append(kinds_of(scene, BY_NAME["pod"])), method="POST", path="/labels$")
    pushed(scene)
    return seen


def test_a_run_that_is_a_pod_is_gone_when_its_object_is_and_not_when_its_containers_have_ended(scene: Scene) -> None:
    seen = deleted_pod(scene, removed_after_s=3)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert seen == [set()]
    assert recorded_agents(scene)["stale"].outcome is RunOutcome.GONE


def test_a_pod_that_has_ended_and_is_never_removed_delays_the_labels_by_its_grace_period_at_most(scene: Scene) -> None:
    deleted_pod(scene, removed_after_s=3600)
    began = scene.clock.monotonic()
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert DEFAULTS.stop.grace_s <= scene.clock.monotonic() - began < DEFAULTS.stop.grace_s + DEFAULTS.stop.verify_s
    stale = recorded_agents(scene)["stale"]
    assert (stale.outcome, stale.reason) == (
        RunOutcome.FINISHED,
        "deleted, then ended; its object is not removed yet",
    )


def test_a_pod_that_has_ended_is_not_awaited_while_another_controller_keeps_its_object(scene: Scene) -> None:
    deleted_pod(scene, removed_after_s=0)
    scene.api.patch("pods", "stale", {"metadata": {"finalizers": ["example.com/other"]}}, namespace=AGENTS)
    began = scene.clock.monotonic()
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.clock.monotonic() - began < DEFAULTS.stop.grace_s
    assert recorded_agents(scene)["stale"].reason.endswith("not removed yet; its finalizers are example.com/other")


OF_SCALED = pytest.mark.parametrize("preset", SCALED, ids=["deployment", "stateful-set"])


@OF_SCALED
def test_pods_are_awaited_although_somebody_else_has_scaled_their_run_to_zero(scene: Scene, preset: Preset) -> None:
    ready(scene, preset)
    scene.kubelet.ending = Ending.DEAD_NODE
    preset.run(scene, "run")
    scene.later(5)
    scale(scene, preset, 0)
    scene.later(1)
    seen = pods_at_label(scene, "run")
    pushed(scene)
    began = scene.clock.monotonic()
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert seen == [set()]
    assert scene.clock.monotonic() - began >= DEFAULTS.stop.grace_s
    assert (recorded_agents(scene)["run"].outcome, recorded_agents(scene)["run"].reason) == (
        RunOutcome.FINISHED,
        "ended by itself",
    )


@OF_SCALED
@pytest.mark.parametrize("commit", [NEW, NEWER, ""], ids=["the head", "a commit that is not known", "no commit"])
def test_only_its_commit_says_that_a_run_which_can_be_started_again_is_stale(
    scene: Scene, preset: Preset, commit: str
) -> None:
    """It was created long before the push, and works on the new code since somebody scaled it up."""
    ready(scene, preset)
    preset.run(scene, "run", commit=commit)
    scene.later(600)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert (len(pods_of(scene, "run")), recorded_agents(scene)["run"].outcome) == (1, RunOutcome.KEPT)


@OF_SCALED
def test_reconcile_leaves_a_run_alone_that_works_on_the_head_again(scene: Scene, preset: Preset) -> None:
    ready(scene, preset)
    scene.reconcile_settings = replace(DEFAULTS, agents=(preset.kind,))
    preset.run(scene, "run")
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    scale(scene, preset, 1, commit=NEW)
    scene.later(60)
    assert scene.reconcile() == ()
    assert len(pods_of(scene, "run")) == 1


@OF_SCALED
def test_reconcile_finds_a_lost_push_by_a_run_that_can_be_started_again(scene: Scene, preset: Preset) -> None:
    ready(scene, preset)
    scene.reconcile_settings = replace(DEFAULTS, agents=(preset.kind,))
    preset.run(scene, "run")
    scene.later(5)
    pushed(scene)
    scene.later(DEFAULTS.reconcile.lost_after_s + 60)
    scene.reconcile()
    assert scene.run_repairs() == [Exit.DONE]
    assert (pods_of(scene, "run"), recorded_agents(scene)["run"].outcome) == (set(), RunOutcome.FINISHED)


@OF_SCALED
def test_a_run_that_is_scaled_up_while_its_old_pods_end_is_left_alone(scene: Scene, preset: Preset) -> None:
    ready(scene, preset)
    scene.kubelet.ending, scene.kubelet.exit_after_s = Ending.AFTER, 10.0
    preset.run(scene, "run")
    scene.later(5)
    (old,) = pods_of(scene, "run")
    pushed(scene)

    def again() -> None:
        pod = scene.api.find("pods", old, namespace=AGENTS)
        replicas = scene.api.get(preset.kind.plural, "run", namespace=AGENTS)["spec"]["replicas"]
        if pod and "deletionTimestamp" in pod["metadata"] and not replicas:
            scale(scene, preset, 1, commit=NEW)

    scene.clock.every(again)
    seen = pods_at_label(scene, "run")
    assert scene.play(scene.workflow()) is Exit.DONE
    (new,) = pods_of(scene, "run")
    assert (new != old, seen) == (True, [{new}])
    deleted = {call.path.rpartition("/")[2] for call in scene.api.calls if call.method == "DELETE"}
    assert new not in deleted
    assert recorded_agents(scene)["run"].outcome is RunOutcome.KEPT


@OF_SCALED
def test_a_retry_knows_that_an_earlier_attempt_asked(scene: Scene, preset: Preset) -> None:
    ready(scene, preset)
    scene.kubelet.ending = Ending.DEAD_NODE
    preset.run(scene, "run")
    scene.later(5)
    (pod,) = pods_of(scene, "run")
    held = {"metadata": {"finalizers": ["example.com/other"]}}
    scene.api.patch("pods", pod, held, namespace=AGENTS)
    pushed(scene)
    workflow = scene.workflow()
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert set(scene.github.labels(1)) == UNTOUCHED
    scene.api.patch("pods", pod, {"metadata": {"finalizers": None}}, namespace=AGENTS)
    assert scene.attempt(workflow) is Exit.DONE
    assert (recorded_agents(scene)["run"].outcome, pods_of(scene, "run")) == (RunOutcome.FINISHED, set())


# Pods that are runs, and pods that only name their run.


def test_a_pod_that_owns_a_kept_run_is_not_forced(scene: Scene) -> None:
    """A finished agent is deleted with its owner, but not one of another task."""
    preset = BY_NAME["pod"]
    ready(scene, preset)
    scene.kubelet.ending = Ending.DEAD_NODE
    stale = preset.run(scene, "stale")
    preset.run(scene, "other", task="8")
    give_owners(scene, "pods", "other", stale)
    scene.later(5)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert names(scene, "pods") == {"stale", "other"}
    assert recorded_agents(scene)["stale"].reason == "owns a run that is kept: other"


def test_the_pods_of_a_group_get_their_own_grace_period(scene: Scene) -> None:
    preset = BY_NAME["pod-group"]
    ready(scene, preset)
    scene.kubelet.ending, scene.kubelet.exit_after_s = Ending.AFTER, 7.0
    preset.run(scene, "stale")
    for name in ("second", "third"):
        ownership.pod(scene, name, labels={"run-of": "stale", "scheduling.x-k8s.io/pod-group": "stale"})
    scene.later(5)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    deletes = [call for call in scene.api.calls if call.method == "DELETE" and f"/{AGENTS}/pods/" in call.path]
    by_steps = [call for call in deletes if (call.body or {}).get("gracePeriodSeconds") != 0]
    assert (len(by_steps), pods_of(scene, "stale")) == (3, set())


# Bad input.


def test_a_group_in_another_namespace_with_the_same_name_is_left_alone(scene: Scene) -> None:
    preset = BY_NAME["pod-group"]
    ready(scene, preset)
    preset.run(scene, "stale")
    elsewhere = {"name": "stale", "namespace": "default", "labels": {"task-id": "7", "agent": "5DLabs-Tess"}}
    body = {"apiVersion": "scheduling.x-k8s.io/v1alpha1", "kind": "PodGroup", "metadata": elsewhere, "spec": {}}
    scene.api.create(body)
    labels = {"scheduling.x-k8s.io/pod-group": "stale"}
    pod = {"name": "elsewhere", "namespace": "default", "labels": labels}
    spec = {"containers": [{"name": "main", "image": "agent:1"}]}
    scene.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": spec})
    scene.later(5)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert (kinds_of(scene, preset), pods_of(scene, "stale")) == (set(), set())
    assert scene.api.find("podgroups", "stale", namespace="default") is not None
    assert scene.api.find("pods", "elsewhere", namespace="default") is not None


def test_task_runs_that_own_each_other_are_left_and_named(scene: Scene) -> None:
    preset = BY_NAME["tekton-pipeline-run"]
    ready(scene, preset)
    run = preset.run(scene, "stale")
    work = scene.api.get("taskruns", "stale-work", namespace=AGENTS)
    second = ownership.task_run(scene, "second", work)
    give_owners(scene, "taskruns", "stale-work", run, second)
    scene.later(5)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert "taskruns.tekton.dev" in recorded_agents(scene)["stale"].reason
    assert set(scene.github.labels(1)) == UNTOUCHED


def test_a_preset_whose_kind_is_not_installed_stops_nothing_and_says_so(scene: Scene) -> None:
    ready(scene, BY_NAME["job"], BY_NAME["sandbox-claim"])
    BY_NAME["job"].run(scene, "stale")
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.BAD_INPUT
    assert kinds_of(scene, BY_NAME["job"]) == {"stale"}
    assert "sandboxclaims" in scene.output.getvalue()


@pytest.mark.parametrize("marked", [False, True])
def test_a_job_that_looks_like_a_run_goes_with_its_run_and_keeps_it_only_if_it_is_marked(
    scene: Scene, *, marked: bool
) -> None:
    """Two kinds claim the work of a CodeRun: its Job has no agent. Alone, it would be kept in doubt."""
    scene.settings = replace(DEFAULTS, agents=(DEFAULTS.agents[0], replace(KINDS["job"], selector={})))
    run = scene.agent()["metadata"]["name"]
    scene.later(5)
    (job,) = names(scene, "jobs")
    labels = {"task-id": "7"} | ({"agent-cancellation/keep": "true"} if marked else {})
    scene.api.patch("jobs", job, {"metadata": {"labels": labels}}, namespace=AGENTS)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.runs() == ({run} if marked else set())
    kept = recorded_agents(scene)[run].reason == f"owns a run that is kept: {job}"
    assert kept is marked


def test_a_thousand_owned_objects_are_followed(scene: Scene) -> None:
    preset = BY_NAME["tekton-pipeline-run"]
    ready(scene, preset)
    run = preset.run(scene, "stale")
    for number in range(1000):
        ownership.task_run(scene, f"task-{number}", run)
    last = scene.api.get("taskruns", "task-999", namespace=AGENTS)
    ownership.pod(scene, "last", last, labels={"run-of": "stale"})
    scene.later(5)
    seen = pods_at_label(scene, "stale")
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert (seen, names(scene, "taskruns"), kinds_of(scene, preset)) == ([set()], set(), set())
