"""A repository is renamed while webhooks, settings and agent runs still have the old name: no run is stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.client.github import connect_github
from pipelines.doctor.check import CheckStatus, Installation
from pipelines.doctor.credentials import github_access
from steps.cancellation.execution import finish_execution
from steps.core.errors import BadInputError, Exit, RepositoryMovedError
from steps.domain.record import LabelOutcome
from tests.support.harness import DEFAULTS, NEW, REPOSITORY, TOKEN, Scene
from tests.support.scenarios import UNTOUCHED, stale_push

NOW = "5dlabs/cto-platform"
BOTH_NAMES = f"the repository {REPOSITORY} to {NOW}: correct events.repositories"


def last_error(scene: Scene) -> str:
    return str([line["error"] for line in scene.events() if "exit" in line][-1])


def test_the_skip_label_of_a_renamed_repository_is_honoured(scene: Scene) -> None:
    """A webhook of the old name is still on its way."""
    workflow = stale_push(scene)
    runs = scene.runs()
    scene.github.edit_labels(1, add=["skip-automation"])
    scene.github.rename_repository(REPOSITORY, NOW)
    assert scene.play(workflow) is Exit.BAD_INPUT
    assert scene.runs() == runs
    assert BOTH_NAMES in scene.record().errors[-1]


def test_a_setting_to_cancel_without_github_does_not_cancel_without_the_skip_label(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    workflow = stale_push(scene)
    runs = scene.runs()
    scene.github.rename_repository(REPOSITORY, NOW)
    assert scene.play(workflow) is Exit.BAD_INPUT
    assert scene.runs() == runs


def test_reconcile_follows_no_redirect_to_a_lost_push(scene: Scene) -> None:
    """Webhooks carry the new name, and the Sensor drops them."""
    scene.agent()
    runs = scene.runs()
    scene.github.rename_repository(REPOSITORY, NOW)
    scene.github.edit_labels(1, add=["skip-automation"])
    scene.later(200)
    scene.github.push("task-7-work", NEW, repository=NOW)
    scene.later(150)
    scene.reconcile()
    scene.run_repairs()
    assert scene.runs() == runs
    assert any(BOTH_NAMES in str(line) for line in scene.events())


def test_labels_that_were_not_moved_are_not_recorded_as_moved(scene: Scene) -> None:
    """The rename comes between the read of the pull request and the change of its labels."""
    workflow = stale_push(scene)
    started = scene.begin(workflow, pod="p")
    scene.github.rename_repository(REPOSITORY, NOW)
    with pytest.raises(RepositoryMovedError, match=BOTH_NAMES):
        finish_execution(started)
    assert scene.record().labels is LabelOutcome.PENDING
    assert set(scene.github.labels(1)) == UNTOUCHED


def test_the_doctor_and_submit_name_both_names(scene: Scene) -> None:
    settings = replace(DEFAULTS.github, api_url=scene.github_url)
    scene.github.rename_repository(REPOSITORY, NOW)
    installation = Installation(
        settings=replace(DEFAULTS, github=settings),
        kube=scene.kube(),
        now=scene.clock.now(),
        env={"GITHUB_TOKEN": TOKEN},
    )
    (found,) = github_access(installation, "github")
    assert (found.status, BOTH_NAMES in found.found) == (CheckStatus.WRONG, True)
    github = connect_github(settings, found={"token": TOKEN}, where="GITHUB_TOKEN")
    with pytest.raises(BadInputError, match=BOTH_NAMES):
        github.head(repository=REPOSITORY, number=1)


@pytest.mark.parametrize("name", [REPOSITORY.upper(), "5DLabs/CTO"])
def test_a_name_in_another_case_is_not_a_rename(scene: Scene, name: str) -> None:
    scene.github.rename_repository(REPOSITORY, name)
    assert scene.play(stale_push(scene, NEW)) is Exit.DONE
    assert scene.runs() == set()
    assert scene.record().labels is LabelOutcome.MOVED
