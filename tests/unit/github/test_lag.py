"""GitHub answers 404 for a moment about what its webhook has just named (its reads lag); and what stays a 404."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest

from steps.core.errors import BadInputError, Exit, NotFoundError, StepError, UnavailableError
from steps.github.client import GitHub
from steps.telemetry.audit import WriteCause, WriteReason
from tests.doubles.github import answered, refused
from tests.doubles.github.faults import Fault
from tests.doubles.github.messages import json_response
from tests.doubles.kubernetes import Fault as KubernetesFault
from tests.support.harness import DEFAULTS, NEW, REPOSITORY, Scene
from tests.support.scenarios import MOVED, UNTOUCHED, check_done, stale_push

FOREVER = 100
WHY = WriteReason(cause=WriteCause.ADD_LABEL, epoch=1)
UNSEEN = refused(404, "Not Found")
REQUESTS = (("GET", "/pulls$"), ("GET", "/pulls/1$"), ("POST", "/labels$"), ("DELETE", "/labels/"))


def pulls(client: GitHub) -> object:
    return client.open_pull_requests(repository=REPOSITORY, branch="task-7-work")


def pull(client: GitHub) -> object:
    return client.pull_request(repository=REPOSITORY, number=1)


def one_of_a_branch(client: GitHub) -> object:
    return client.branch_pull_request(repository=REPOSITORY, number=1)


def activity(client: GitHub) -> object:
    return client.activity(repository=REPOSITORY)


def add_label(client: GitHub) -> None:
    client.add_label(repository=REPOSITORY, number=1, label="x", reason=WHY)


def remove_label(client: GitHub) -> None:
    client.remove_label(repository=REPOSITORY, number=1, label="ready-for-qa", reason=WHY)


def edit_comment(client: GitHub) -> None:
    client.edit_comment(repository=REPOSITORY, comment=1, body="x", reason=WHY)


LAGGING: tuple[Callable[[GitHub], object], ...] = (
    pulls, pull, one_of_a_branch, add_label, remove_label,
)  # fmt: skip


@pytest.mark.parametrize("operation", LAGGING)
def test_a_404_of_a_moment_is_asked_again_once_a_second(
    scene: Scene, client: GitHub, operation: Callable[[GitHub], object]
) -> None:
    scene.github.fault(UNSEEN, times=4)
    began = scene.clock.monotonic()
    operation(client)
    assert 4 <= scene.clock.monotonic() - began < 5
    assert len(scene.github.calls) == 5


@pytest.mark.parametrize("operation", LAGGING)
def test_a_404_that_stays_is_final_after_ten_seconds(
    scene: Scene, client: GitHub, operation: Callable[[GitHub], object]
) -> None:
    scene.github.fault(UNSEEN, times=FOREVER)
    began = scene.clock.monotonic()
    with pytest.raises((NotFoundError, BadInputError), match="give the App or token access to the repository"):
        operation(client)
    assert 9 <= scene.clock.monotonic() - began <= 10
    assert scene.breakers().github.enter() == 0, "GitHub works"


@pytest.mark.parametrize("message", ["Label does not exist", "Branch not found", "Not Found: x"])
@pytest.mark.parametrize("operation", LAGGING)
def test_a_404_that_names_what_is_missing_is_final(
    scene: Scene, client: GitHub, operation: Callable[[GitHub], object], message: str
) -> None:
    scene.github.fault(refused(404, message), times=FOREVER)
    is_done = operation is remove_label and message == "Label does not exist"
    with nullcontext() if is_done else pytest.raises((NotFoundError, BadInputError)):
        operation(client)
    assert len(scene.github.calls) == 1


def test_a_comment_that_is_gone_is_not_waited_for(scene: Scene, client: GitHub) -> None:
    with pytest.raises(NotFoundError):
        edit_comment(client)
    assert len(scene.github.calls) == 1


def test_the_holder_renews_its_lease_meanwhile(scene: Scene) -> None:
    renewed: list[float] = []
    connect = scene.context_without_pod(scene.workflow()).clients.github
    scene.github.fault(UNSEEN, times=5)
    pull(connect(lambda: renewed.append(scene.clock.monotonic())))
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(renewed))
    assert renewed[-1] - renewed[0] >= 4


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_a_404_of_a_moment_costs_a_push_no_attempt(scene: Scene, method: str, path: str) -> None:
    workflow = stale_push(scene)
    scene.github.fault(UNSEEN, method=method, path=path, times=3)
    assert scene.attempt(workflow) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED
    check_done(scene)


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_a_lease_that_is_lost_while_github_lags_ends_the_waiting(scene: Scene, method: str, path: str) -> None:
    lease = replace(DEFAULTS.lease, duration_s=8, renew_every_s=1, renew_deadline_s=4)
    scene.settings = replace(DEFAULTS, lease=lease, comment=replace(DEFAULTS.comment, deadline_s=1))
    workflow = stale_push(scene)
    scene.github.fault(UNSEEN, method=method, path=path, times=FOREVER)
    no_write = KubernetesFault(method="PUT", path="/leases/", status=503, times=0)
    scene.github.before(lambda: scene.api.faults.add(no_write), method=method, path=path)
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert [call.status for call in scene.github.calls].count(404) <= 6


def test_a_repository_that_the_app_may_not_see_is_named_after_ten_seconds(scene: Scene) -> None:
    workflow = stale_push(scene)
    runs, began = scene.runs(), scene.clock.monotonic()
    scene.github.fault(UNSEEN, times=FOREVER)
    assert scene.play(workflow) is Exit.BAD_INPUT
    assert scene.runs() == runs
    assert set(scene.github.labels(1)) == UNTOUCHED
    assert scene.clock.monotonic() - began < 12
    assert "give the App or token access to the repository" in scene.record().errors[-1]


def test_a_pass_of_reconcile_waits_for_no_repository(scene: Scene) -> None:
    """The next pass reads it again."""
    scene.agent()
    scene.later(600)
    scene.github.push("task-7-work", NEW)
    scene.later(600)
    scene.github.fault(UNSEEN, times=FOREVER)
    began = scene.clock.monotonic()
    scene.reconcile()
    assert scene.clock.monotonic() - began < 1
    assert [call.status for call in scene.github.calls].count(404) >= 1


# What asks for patience, and what does not.


@pytest.mark.parametrize("operation", LAGGING)
@pytest.mark.parametrize(("status", "message"), [(408, "Request Timeout"), (409, "Conflict")])
def test_a_time_out_and_a_conflict_are_tried_again(
    scene: Scene, client: GitHub, operation: Callable[[GitHub], object], status: int, message: str
) -> None:
    scene.github.fault(refused(status, message), times=2)
    operation(client)


@pytest.mark.parametrize(("status", "opens"), [(408, True), (409, False)])
def test_a_conflict_over_one_object_is_no_outage_of_github(
    scene: Scene, client: GitHub, status: int, *, opens: bool
) -> None:
    scene.github.fault(refused(status, "x"), times=FOREVER)
    with pytest.raises(UnavailableError):
        add_label(client)
    if opens:
        with pytest.raises(UnavailableError):
            scene.breakers().github.enter()
    else:
        assert scene.breakers().github.enter() == 0


def test_an_empty_repository_stays_empty(scene: Scene, client: GitHub) -> None:
    scene.github.fault(refused(409, "Git Repository is empty."), times=FOREVER)
    with pytest.raises(BadInputError, match="409 Git Repository is empty"):
        activity(client)
    assert len(scene.github.calls) == 1


@pytest.mark.parametrize("status", [200, 403, 404, 503])
def test_the_time_that_a_page_asks_for_is_waited(scene: Scene, client: GitHub, status: int) -> None:
    scene.github.fault(answered("<html>Whoa there!", status=status, headers={"retry-after": "7"}))
    began = scene.clock.monotonic()
    pull(client)
    assert 7 <= scene.clock.monotonic() - began < 8
    assert len(scene.github.calls) == 2


def test_a_page_that_asks_for_longer_than_the_deadline_is_not_asked_again(scene: Scene, client: GitHub) -> None:
    scene.github.fault(answered("<html>Whoa there!", status=403, headers={"retry-after": "60"}), times=FOREVER)
    with pytest.raises(UnavailableError, match="an HTML page came with status 403"):
        pull(client)
    assert len(scene.github.calls) == 1


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (
            [{"code": "custom", "field": "labels", "message": "a title of somebody"}],
            "(labels: custom)",
        ),
        ([{"field": "name", "code": "too_long"}, {"code": "missing"}], "(name: too_long, missing)"),
        ([{"field": "a title of somebody", "code": "invalid", "value": "a title of somebody"}], "(invalid)"),
        ([{"code": f"c{number}"} for number in range(9)], "(c0, c1, c2)"),
        (["a title of somebody", {"field": 1, "code": None}, None], ""),
        ({"field": "name"}, ""),
        (
            [{"code": "custom", "field": "labels", "message": "Issues cannot have more than 100 labels"}],
            "(labels: custom): remove a label of the pull request: GitHub allows a hundred",
        ),
    ],
)
def test_a_refused_value_is_named_by_field_and_code_and_never_quoted(
    scene: Scene, client: GitHub, errors: object, said: str
) -> None:
    content = {"message": "Validation Failed", "errors": errors}
    refusal = Fault(applied=False, answer=lambda _: json_response(status=422, content=content))
    scene.github.fault(refusal, times=FOREVER)
    with pytest.raises(StepError) as caught:
        add_label(client)
    assert type(caught.value) is BadInputError
    assert str(caught.value).endswith(f"422 Validation Failed {said}".strip())
    assert "somebody" not in str(caught.value)
