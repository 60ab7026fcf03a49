"""Repositories whose policy differs from the general settings, and parts that are switched off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.push import ZERO_SHA
from steps.domain.record import LabelOutcome
from steps.settings.policies import LabelChanges, RepositoryPolicy
from tests.support.harness import DEFAULTS, NEW, OLD, REPOSITORY, Scene
from tests.support.scenarios import MOVED, UNTOUCHED, found, put_state, stale_push, state

OTHER = "acme/web"
OWN = RepositoryPolicy(
    repositories=("acme/*",),
    cancellable=("acme-reviewer",),
    exempt=("5DLabs-Tess",),
    labels=LabelChanges(add="being fixed", remove="please review", skip="hands off"),
    comment=False,
)


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """A cluster with a repository under a policy, beside one without."""
    scene.github.add_repository(OTHER, labels=["please review", "being fixed", "hands off"])
    scene.github.add_pull_request(repository=OTHER, head="task-8-work", sha=OLD, labels=["please review"])
    scene.settings = replace(DEFAULTS, policies=(OWN,))
    scene.reconcile_settings = replace(
        DEFAULTS, policies=(OWN,), events=replace(DEFAULTS.events, repositories=(REPOSITORY, "acme/*"))
    )
    return scene


def push_elsewhere(scene: Scene) -> Exit:
    """A push to the repository under the policy, after agents of both names have started there."""
    for agent in ("acme-reviewer", "5DLabs-Tess"):
        scene.agent(task=8, agent=agent, repository=OTHER)
    scene.later(10)
    scene.github.push("task-8-work", NEW, repository=OTHER)
    return scene.play(scene.workflow(task=8, repository=OTHER, before=OLD))


def test_a_policy_decides_about_agents_labels_and_comment_of_its_repositories(scene: Scene) -> None:
    assert push_elsewhere(scene) is Exit.DONE
    agents = {each.agent: str(each.outcome) for each in scene.record(task=8, repository=OTHER).agents}
    assert agents == {"acme-reviewer": "gone", "5DLabs-Tess": "kept"}
    assert set(scene.github.labels(1, repository=OTHER)) == {"being fixed"}
    assert scene.github.comments(1, repository=OTHER) == ()


def test_other_repositories_are_under_the_general_settings(scene: Scene) -> None:
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert (scene.runs(), set(scene.github.labels(1, repository=REPOSITORY))) == (set(), MOVED)
    assert len(scene.github.comments(1, repository=REPOSITORY)) == 1


def test_a_push_that_is_helped_is_under_its_own_policy(scene: Scene) -> None:
    helper = stale_push(scene)
    scene.agent(task=8, agent="acme-reviewer", repository=OTHER)
    scene.later(10)
    scene.github.push("task-8-work", NEW, repository=OTHER)
    helped = scene.workflow(task=8, repository=OTHER, before=OLD)
    assert scene.play(helper) is Exit.DONE
    record = scene.record(task=8, repository=OTHER)
    assert (record.helper, record.workflow) == (helper.name, helped.name)
    assert set(scene.github.labels(1, repository=OTHER)) == {"being fixed"}


def test_reconcile_finds_nothing_that_the_policy_keeps(scene: Scene) -> None:
    assert push_elsewhere(scene) is Exit.DONE
    scene.later(300)
    assert found(scene.reconcile()) == []


def test_an_event_that_the_policy_leaves_out_does_nothing(scene: Scene) -> None:
    scene.settings = replace(scene.settings, policies=(replace(OWN, react_to=("push",)),))
    scene.agent(task=8, agent="acme-reviewer", repository=OTHER)
    scene.later(10)
    scene.github.close(1, repository=OTHER)
    assert scene.play(scene.ended(task=8, repository=OTHER, before=OLD)) is Exit.DONE
    assert len(scene.runs()) == 1
    assert scene.api.list("leases", namespace=DEFAULTS.namespaces.workflows) == []


def test_an_event_that_the_policy_leaves_out_is_not_helped(scene: Scene) -> None:
    scene.settings = replace(scene.settings, policies=(replace(OWN, react_to=("push",)),))
    helper = stale_push(scene)
    scene.agent(task=8, agent="acme-reviewer", repository=OTHER)
    scene.later(10)
    scene.github.close(1, repository=OTHER)
    scene.ended(task=8, repository=OTHER, before=OLD)
    assert scene.play(helper) is Exit.DONE
    assert len(scene.runs()) == 1


def test_an_unknown_reason_is_never_left_out() -> None:
    settings = replace(DEFAULTS, policies=(replace(OWN, react_to=()),))
    assert settings.ignores("push", repository="ACME/web")
    assert not settings.ignores("reconcile", repository="acme/web")
    assert not settings.ignores("push", repository=REPOSITORY)


def test_a_policy_changes_only_what_it_names() -> None:
    everything = LabelChanges(add="a", remove="r", skip="s", task="t {task}")
    changed = replace(OWN, labels=everything).labels_over(DEFAULTS.labels)
    assert (changed.add, changed.remove, changed.skip, changed.task) == ("a", "r", "s", "t {task}")
    nothing = RepositoryPolicy(repositories=("acme/web",))
    assert nothing.labels_over(DEFAULTS.labels) == DEFAULTS.labels
    kind = DEFAULTS.agents[0]
    assert nothing.kind_over(kind) == kind
    assert (OWN.kind_over(kind).cancellable, OWN.kind_over(kind).exempt) == (("acme-reviewer",), ("5DLabs-Tess",))


def test_a_policy_whose_labels_are_equal_is_refused() -> None:
    with pytest.raises(ValueError, match="must be different labels"):
        replace(DEFAULTS, policies=(replace(OWN, labels=LabelChanges(add="ready-for-qa")),))


@pytest.mark.parametrize(
    ("switched_off", "left"),
    [
        ({"add": ""}, UNTOUCHED - {"ready-for-qa"}),
        ({"remove": ""}, UNTOUCHED | {"remediation-in-progress"}),
        ({"add": "", "remove": ""}, UNTOUCHED),
    ],
)
def test_a_label_without_a_name_is_not_moved(scene: Scene, switched_off: dict[str, str], left: set[str]) -> None:
    scene.settings = replace(scene.settings, labels=replace(DEFAULTS.labels, **switched_off))
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert (scene.runs(), set(scene.github.labels(1, repository=REPOSITORY))) == (set(), left)
    expected = LabelOutcome.SWITCHED_OFF if len(switched_off) == 2 else LabelOutcome.MOVED
    assert (scene.record().labels, scene.record().errors) == (expected, ())


def test_without_a_skip_label_no_label_stops_anything(scene: Scene) -> None:
    scene.settings = replace(scene.settings, labels=replace(DEFAULTS.labels, skip="", task=""))
    scene.github.edit_labels(1, add=["skip-automation"], repository=REPOSITORY)
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert scene.runs() == set()


def test_without_a_state_document_none_is_written(scene: Scene) -> None:
    put_state(scene, "{}")
    scene.settings = replace(scene.settings, state=replace(DEFAULTS.state, config_map=""))
    scene.reconcile_settings = replace(DEFAULTS, state=replace(DEFAULTS.state, config_map=""))
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert (state(scene), ZERO_SHA in scene.output.getvalue()) == ({}, False)
    assert not [call for call in scene.api.calls if "/configmaps/task-" in call.path]
    assert found(scene.reconcile()) == []
