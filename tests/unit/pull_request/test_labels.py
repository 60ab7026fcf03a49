"""The record after the labels: what each outcome keeps of the head, and how often the pull request is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from steps.cancellation.claim import claim_record
from steps.core.retry import LAG_S
from steps.domain.record import LabelOutcome, PullRequest, Record
from steps.lease.held_lease import HeldLease
from steps.pull_request.labels import move_labels
from steps.runtime.context import StepContext
from steps.telemetry.audit import WriteCause
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene
from tests.support.scenarios import MOVED

BRANCH = "task-7-work"


def left(scene: Scene, sha: str = NEWER) -> tuple[Record, StepContext, HeldLease]:
    """A push whose labels were left to a head that GitHub showed."""
    scene.github.push(BRANCH, NEW)
    context = scene.context(scene.workflow(sha=NEW, before=OLD), pod="pod")
    held = context.lease().acquire(partial(claim_record, context=context))
    assert held is not None
    shown = PullRequest(number=1, head_sha=sha, labels=("ready-for-qa",))
    scene.github.calls.clear()
    return (
        replace(held.record, labels=LabelOutcome.HEAD_MOVED, left_to=sha, pull_request=shown),
        context,
        held,
    )


def reads(scene: Scene) -> int:
    return sum(call.method == "GET" and call.path.endswith("/pulls/1") for call in scene.github.calls)


def nothing(_: Scene) -> None:
    """The world stays as it is."""


def switched_off(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, labels=replace(DEFAULTS.labels, add="", remove=""))


def closed(scene: Scene) -> None:
    scene.github.close(1)


def skipped(scene: Scene) -> None:
    scene.github.edit_labels(1, add=["skip-automation"])


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (nothing, LabelOutcome.MOVED),
        (switched_off, LabelOutcome.SWITCHED_OFF),
        (closed, LabelOutcome.NO_PULL_REQUEST),
        (skipped, LabelOutcome.SKIPPED),
    ],
)
def test_labels_that_are_decided_are_left_to_no_other_head(
    scene: Scene, change: Callable[[Scene], None], outcome: LabelOutcome
) -> None:
    change(scene)
    record, context, held = left(scene)
    found = move_labels(record, context=context, held=held)
    assert (found.labels, found.left_to) == (outcome, "")
    assert (set(scene.github.labels(1)) >= MOVED) is (outcome is LabelOutcome.MOVED)


def test_a_record_whose_labels_moved_names_the_push_as_the_head(scene: Scene) -> None:
    record, context, held = left(scene)
    found = move_labels(record, context=context, held=held)
    assert found.pull_request == PullRequest(number=1, head_sha=NEW, labels=("ready-for-qa",))


def test_a_pull_request_that_was_closed_is_read_once(scene: Scene) -> None:
    record, context, held = left(scene)
    scene.github.close(1)
    move_labels(record, context=context, held=held)
    assert reads(scene) == 1


def test_the_lease_is_renewed_while_github_shows_an_older_head(scene: Scene) -> None:
    record, context, held = left(scene, OLD)
    scene.github.show_head(1, OLD)
    scene.clock.sleep(DEFAULTS.lease.renew_every_s - LAG_S / 2)
    before = renewals(scene)
    move_labels(record, context=context, held=held)
    assert reads(scene) > 2
    assert renewals(scene) > before


def renewals(scene: Scene) -> int:
    return sum(line.get("cause") == WriteCause.RENEW for line in scene.events())
