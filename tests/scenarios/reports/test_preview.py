"""`explain --dry-run` says what the step then does: by the repository's policy, and by what the runs own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.cli.views.event_text import describe_event, describe_runs
from pipelines.preview import EventPreview, TaskPreview, preview_event, preview_runs, push_payload
from pipelines.settings import Settings
from steps.core.errors import Exit
from steps.core.keys import KEEP
from steps.domain.task_id import TaskId
from steps.settings.policies import LabelChanges, RepositoryPolicy
from steps.telemetry.audit import Audit
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, OLD, REPOSITORY, Scene
from tests.support.ownership import child
from tests.support.runs_of_presets import PRESETS, Preset
from tests.support.scenarios import AGENTS, pushed

EXEMPT = RepositoryPolicy(repositories=(REPOSITORY,), exempt=("5DLabs-Tess",))
CANCELLABLE = RepositoryPolicy(repositories=(REPOSITORY,), cancellable=("*",), exempt=())


def under(scene: Scene, policy: RepositoryPolicy) -> Settings:
    """The settings with this policy, for the scene too."""
    scene.settings = settings = replace(DEFAULTS, policies=(policy,))
    return settings


def looked(scene: Scene, settings: Settings = DEFAULTS) -> TaskPreview:
    """The preview of a push now."""
    return preview_runs(
        REPOSITORY,
        "refs/heads/task-7-work",
        TaskId("7"),
        settings=settings,
        kube=scene.kube(Audit(log=scene.reconcile_context().log)),
        now=scene.clock.now(),
    )


def previewed(scene: Scene, settings: Settings = DEFAULTS) -> dict[str, str]:
    """What a push now would do: the reason by which each run is kept, and `stop` for each other run."""
    found = looked(scene, settings)
    return {each.name: "stop" if each.stopped else each.reason for each in found.runs}


def played(scene: Scene) -> dict[str, str]:
    """What a push did, in the same words."""
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    return {each.name: each.reason if each.outcome == "kept" else "stop" for each in scene.record().agents}


def event(settings: Settings) -> EventPreview:
    return preview_event(push_payload(REPOSITORY, "task-7-work", settings=settings), settings=settings)


@pytest.mark.parametrize("policy", [EXEMPT, CANCELLABLE], ids=["exempts", "lets stop"])
def test_a_policy_decides_in_the_preview_as_in_the_step(scene: Scene, policy: RepositoryPolicy) -> None:
    settings = under(scene, policy)
    scene.agent()
    scene.agent(agent="5DLabs-Rex")
    scene.later(5)
    said = previewed(scene, settings)
    assert said == played(scene)
    assert ("stop" in said.values()) is (policy is CANCELLABLE)


@pytest.mark.parametrize("preset", PRESETS, ids=[preset.name for preset in PRESETS])
def test_a_run_of_each_kind_is_judged_in_the_preview_as_in_the_step(scene: Scene, preset: Preset) -> None:
    scene.settings = settings = replace(DEFAULTS, agents=(preset.kind,))
    preset.run(scene, "stale")
    preset.run(scene, "other", branch="main")
    scene.later(5)
    said = previewed(scene, settings)
    assert said == played(scene)
    assert said["stale"] == "stop"


@pytest.mark.parametrize("commit", ["", "main", "some-branch"])
def test_a_deployment_without_a_commit_is_kept_in_the_preview_as_in_the_step(scene: Scene, commit: str) -> None:
    (preset,) = (each for each in PRESETS if each.name == "deployment")
    scene.settings = settings = replace(DEFAULTS, agents=(preset.kind,))
    preset.run(scene, "unknown", commit=commit)
    scene.later(5)
    said = previewed(scene, settings)
    assert said == played(scene) == {"unknown": "its commit is not known to be older"}


def test_of_a_deployment_the_preview_says_on_what_it_depends(scene: Scene) -> None:
    (preset,) = (each for each in PRESETS if each.name == "deployment")
    preset.run(scene, "stale")
    (run,) = looked(scene, replace(DEFAULTS, agents=(preset.kind,))).runs
    assert run.reason == f"stale, if the push replaces its commit {OLD[:12]}"


def test_a_stale_owner_of_a_kept_run_is_kept_in_the_preview_as_in_the_step(scene: Scene) -> None:
    stale = scene.agent(name="stale")
    scene.later(1)
    job = scene.api.get("coderuns", stale["metadata"]["name"], namespace=AGENTS)["status"]["jobName"]
    kept = child(scene, scene.api.get("jobs", job, namespace=AGENTS), name="kept")
    scene.api.patch("coderuns", kept["metadata"]["name"], {"metadata": {"labels": {KEEP: "true"}}}, namespace=AGENTS)
    scene.later(5)
    said = previewed(scene)
    assert said[stale["metadata"]["name"]] == "owns a run that is kept: kept"
    assert said == played(scene)


@pytest.mark.parametrize(("task", "said"), [("agent-{task}", "may have the label agent-7"), ("", "")])
def test_the_label_of_the_policy_is_named(scene: Scene, task: str, said: str) -> None:
    settings = under(scene, RepositoryPolicy(repositories=(REPOSITORY,), labels=LabelChanges(task=task)))
    text = " ".join(describe_event(event(settings), settings=settings))
    assert (said or "Its Lease is") in text
    assert ("pull request" in text) is bool(said)


def test_an_event_that_the_policy_leaves_out_is_called_ignored(scene: Scene) -> None:
    settings = under(scene, RepositoryPolicy(repositories=(REPOSITORY,), react_to=("closed",)))
    found = event(settings)
    assert found.ignored
    assert "leaves out push" in " ".join(describe_event(found, settings=settings))


def test_a_person_who_may_not_list_jobs_is_told_that_ownership_is_not_known(scene: Scene) -> None:
    scene.agent(name="stale")
    scene.later(5)
    scene.api.faults.add(Fault(method="GET", path="/jobs", status=403, reason="Forbidden", times=0))
    found = looked(scene)
    assert [each.stopped for each in found.runs] == [True]
    assert "What the runs own is not known" in [*describe_runs(found, dropped=False)][-1]


@pytest.mark.parametrize("dropped", [True, False])
def test_the_preview_of_a_dropped_event_speaks_of_a_push_that_is_not_dropped(scene: Scene, *, dropped: bool) -> None:
    scene.agent(name="stale")
    scene.later(5)
    found = looked(scene)
    texts = [next(describe_runs(each, dropped=dropped)) for each in (found, replace(found, runs=()))]
    assert ["does not drop" in text for text in texts] == [dropped, dropped]
    assert texts[1].endswith("would stop nothing.")
