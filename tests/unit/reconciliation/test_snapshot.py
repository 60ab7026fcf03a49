"""The objects that a pass reads: only the ones that it judges, and no more at once than fit into its pod."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from steps.cancellation.workflow import REPAIR_LABEL
from steps.core.errors import Exit, ForbiddenError
from steps.core.keys import REPOSITORY, TASK
from steps.domain.push import ZERO_SHA
from steps.github.client import GitHub
from steps.kube.transport import Json, Response
from steps.observed_state.task_workflow import read_task_workflow
from steps.reconciliation.github_state import _in_time
from steps.reconciliation.snapshot import _report_unreadable, take_snapshot
from steps.settings.github import GitHubSettings
from steps.telemetry.audit import Audit
from tests.doubles import argo_controller
from tests.doubles.kubernetes import ApiServer, Fault
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene
from tests.support.scene.in_process import InProcess

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents[0]
LOST_AFTER_S = DEFAULTS.reconcile.lost_after_s


class Recording(InProcess):
    """Records the requested form of each list."""

    def __init__(self, api: ApiServer) -> None:
        super().__init__(api)
        self.accepted: dict[str, str] = {}

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Forward a request."""
        self.accepted[target.partition("?")[0].rpartition("/")[2]] = headers.get("Accept", "")
        return super().send(method=method, target=target, headers=headers, body=body, timeout_s=timeout_s)


def put_config_map(scene: Scene, name: str, **data: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": AGENTS}, "data": data}
    scene.api.create(body)


def test_leases_of_other_programs_are_ignored(scene: Scene) -> None:
    metadata = {"name": "kube-scheduler", "namespace": HOME}
    scene.api.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}})
    assert take_snapshot(scene.reconcile_context()).task_states == ()


def test_a_task_is_busy_until_its_workflow_has_ended(scene: Scene) -> None:
    workflow = scene.workflow()
    labels = {"metadata": {"labels": {REPOSITORY: "5dlabs.cto"}}}
    scene.api.patch("workflows", workflow.name, labels, namespace=HOME)
    assert take_snapshot(scene.reconcile_context()).busy == {("7", "5dlabs.cto")}
    scene.api.patch("workflows", workflow.name, {"metadata": {"labels": {REPOSITORY: None}}}, namespace=HOME)
    assert take_snapshot(scene.reconcile_context()).busy == {("7", "")}
    scene.argo.mark(workflow.name, argo_controller.SUCCEEDED)
    assert take_snapshot(scene.reconcile_context()).busy == frozenset()


def test_a_workflow_is_read_from_its_metadata_whatever_is_in_it(scene: Scene) -> None:
    workflow = scene.workflow()
    (found,) = take_snapshot(scene.reconcile_context()).workflows
    assert (found.name, found.task, found.repository_label) == (workflow.name, "7", "")
    assert (found.created_at, found.phase) == (workflow.created_at, "Pending")
    unseen = read_task_workflow({"name": "w", "labels": {TASK: "7"}, "creationTimestamp": "soon"})
    assert (unseen.phase, unseen.created_at) == ("", None)
    unnamed = read_task_workflow({})
    assert (unnamed.name, unnamed.task) == ("", "")


def test_repairs_are_counted_separately(scene: Scene) -> None:
    scene.workflow(task=8)
    repair, another = scene.workflow(), scene.workflow(task=9)
    for each in (repair, another):
        scene.api.patch("workflows", each.name, {"metadata": {"labels": {REPAIR_LABEL: "true"}}}, namespace=HOME)
    assert take_snapshot(scene.reconcile_context()).repairs == 2


def test_a_pod_that_has_ended_is_ignored(scene: Scene) -> None:
    scene.begin(scene.workflow(), pod="at-work")
    assert {name for name, _ in take_snapshot(scene.reconcile_context(pod="reconcile")).pods} == {
        "at-work",
        "reconcile",
    }
    scene.end_pod("at-work", phase="Failed")
    assert {name for name, _ in take_snapshot(scene.reconcile_context(pod="reconcile")).pods} == {"reconcile"}


def test_only_a_config_map_of_the_right_name_with_the_right_key_is_a_state_document(scene: Scene) -> None:
    put_config_map(scene, "task-7-state", **{"state.json": "{}"})
    put_config_map(scene, "task-8-state", other="{}")
    put_config_map(scene, "another-config-map", **{"state.json": "{}"})
    assert [document.task for document in take_snapshot(scene.reconcile_context()).documents] == ["7"]


def test_state_documents_are_paged_and_workflows_and_pods_are_read_as_metadata(scene: Scene) -> None:
    transport = Recording(scene.api)
    context = scene.reconcile_context()
    context = replace(context, clients=replace(context.clients, kube=scene.kube(transport=transport)))
    scene.api.calls.clear()
    take_snapshot(context)
    (limit,) = (call.query["limit"] for call in scene.api.calls if call.path.endswith("/configmaps"))
    assert int(limit) == 25, "each may be a megabyte"
    short = {kind for kind, accept in transport.accepted.items() if "as=PartialObjectMetadataList" in accept}
    assert short == {"workflows", "pods"}


@pytest.mark.parametrize(("age_s", "asked"), [(LOST_AFTER_S - 1, 0), (LOST_AFTER_S, 2)])
def test_github_is_asked_for_agents_that_are_old_enough_to_have_missed_a_push(
    scene: Scene, age_s: float, asked: int
) -> None:
    scene.agent()
    scene.github.push("task-7-work", NEW)
    scene.later(age_s)
    take_snapshot(scene.reconcile_context())
    assert len(scene.github.calls) == asked


def test_github_is_not_asked_if_the_settings_say_so(scene: Scene) -> None:
    scene.agent()
    scene.later(LOST_AFTER_S)
    scene.reconcile_settings = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, ask_github=False))
    take_snapshot(scene.reconcile_context())
    assert scene.github.calls == []


def test_runs_that_cannot_be_listed_are_unknown(scene: Scene) -> None:
    assert take_snapshot(scene.reconcile_context()).runs_known
    scene.api.faults.add(Fault(method="GET", path="/coderuns", status=403, reason="Forbidden", times=0))
    found = take_snapshot(scene.reconcile_context())
    assert not found.runs_known
    (said,) = found.unread
    assert "coderuns" in said


def test_the_uids_of_all_runs_are_known_of_finished_ones_too(scene: Scene) -> None:
    uids = {scene.agent(task=task, phase=phase)["metadata"]["uid"] for task, phase in ((7, ""), (8, "Succeeded"))}
    odd = scene.agent(name="odd")
    scene.api.backdate("coderuns", "odd", created="yesterday", namespace=AGENTS)
    found = take_snapshot(scene.reconcile_context())
    assert found.run_uids == uids | {odd["metadata"]["uid"]}
    assert len(found.runs) == 1


def test_without_credentials_the_rest_is_read_and_the_problem_reported(scene: Scene) -> None:
    scene.agent()
    scene.later(LOST_AFTER_S)

    class Refused:
        """A connection without credentials."""

        def __call__(
            self,
            while_waiting: Callable[[], None],
            settings: GitHubSettings | None = None,
            *,
            audit: Audit | None = None,
        ) -> GitHub:
            del while_waiting, settings, audit
            raise ForbiddenError("no GitHub credentials here")

    context = scene.reconcile_context()
    found = take_snapshot(replace(context, clients=replace(context.clients, github=Refused())))
    assert found.unread == ("no GitHub credentials here",)
    assert (len(found.runs), found.runs_known) == (1, True)


def test_an_object_that_cannot_be_read_is_reported_by_kind_and_name(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with it. Its content is not shown."""

    def fails(*_: object, **__: object) -> None:
        raise KeyError("a payload")

    run = scene.agent()["metadata"]["name"]
    assert scene.play(scene.workflow(task=8)) is Exit.DONE
    lease = scene.lease(task=8)["metadata"]["name"]
    put_config_map(scene, "task-7-state", **{"state.json": "{}"})
    monkeypatch.setattr("steps.reconciliation.snapshot.read_task_state", fails)
    monkeypatch.setattr("steps.reconciliation.snapshot.read_state_document", fails)
    monkeypatch.setattr("steps.agents.runs.parse_run", fails)
    found = take_snapshot(scene.reconcile_context())
    advice = "cannot be read (KeyError): correct or delete it"
    assert found.unread == (
        f"Lease {lease}: {advice}",
        f"agent run {run}: {advice}",
        f"ConfigMap task-7-state: {advice}",
    )
    assert not found.runs_known


def test_an_object_without_a_name_is_reported_as_well() -> None:
    unread: list[str] = []
    for obj in ({}, {"metadata": None}, {"metadata": {"name": "x" * 300}}):
        _report_unreadable(obj, ValueError("a payload"), kind="Lease", unread=unread)
    advice = "cannot be read (ValueError): correct or delete it"
    assert unread == [f"Lease without a name: {advice}"] * 2 + [f"Lease {'x' * 253}: {advice}"]


def test_what_github_shows_is_in_the_snapshot(scene: Scene) -> None:
    scene.agent(task=9)
    scene.later(LOST_AFTER_S)
    scene.github.push("task-7-work", NEW)
    scene.github.close(1)
    assert scene.play(scene.workflow()) is Exit.DONE
    opened = scene.github.add_pull_request(head="task-7-work", sha=NEW, labels=["a"])
    found = take_snapshot(scene.reconcile_context())
    assert [(each.task, each.sha) for each in found.pushes] == [("7", NEW)]
    ((branch, (pull,)),) = found.pulls.items()
    assert branch == ("5dlabs/cto", "task-7-work")
    assert (pull.number, pull.head_sha, pull.labels) == (opened.number, NEW, ("a",))


def test_of_a_push_and_the_end_of_its_branch_the_later_one_counts(scene: Scene) -> None:
    scene.agent(task=9)
    scene.later(LOST_AFTER_S)

    def newest() -> str:
        (found,) = take_snapshot(scene.reconcile_context()).pushes
        return str(found.sha)

    scene.github.push("task-7-work", NEW)
    scene.later(5)
    scene.github.close(1)
    assert newest() == ZERO_SHA
    scene.later(5)
    scene.github.push("task-7-work", NEWER)
    assert newest() == NEWER
    scene.github.reopen(1)
    scene.github.close(1)
    assert newest() == ZERO_SHA, "within one second, the end names the commit of the push"
    scene.github.reopen(1)
    scene.later(5)
    scene.github.close(1)
    scene.later(5)
    scene.github.push("task-7-work", ZERO_SHA)
    scene.github.push("task-7-work", NEWER)
    assert newest() == NEWER, "the branch was created again on the same commit"


def test_a_push_within_the_second_of_an_end_that_names_another_commit_counts(scene: Scene) -> None:
    scene.agent(task=9)
    scene.later(LOST_AFTER_S)
    scene.github.close(1)
    scene.github.push("task-7-work", NEW)
    (found,) = take_snapshot(scene.reconcile_context()).pushes
    assert found.sha == NEW


@pytest.mark.parametrize(("random", "asked"), [(0.0, "abcd"), (0.5, "cdab"), (0.99, "dabc")])
def test_a_pass_begins_with_any_of_the_repositories(scene: Scene, random: float, asked: str) -> None:
    context, unread = replace(scene.reconcile_context(), random=lambda: random), list[str]()
    assert "".join(_in_time("abcd", context=context, unread=unread)) == asked
    assert unread == []


def test_a_pass_that_has_no_time_left_says_about_how_many_repositories_it_asked(scene: Scene) -> None:
    context, unread, asked = replace(scene.reconcile_context(), random=lambda: 0.0), list[str](), ""
    for repository in _in_time("abcd", context=context, unread=unread):
        asked += repository
        scene.clock.sleep(10)
    assert asked == "ab"
    assert unread == [
        "GitHub is slow: in 20 s, this pass asked about 2 of 4 repositories; further passes ask about the others"
    ]
