"""Status and explain: what they say of each state of a task, to people and to machines, and that they write nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.main import COMMANDS, main
from pipelines.cli.views.explanation import NEXT_STEP
from pipelines.cli.views.output import open_console
from pipelines.cli.views.status_table import COLUMNS
from pipelines.client.task_status import TaskPhase
from pipelines.client.wording import age
from steps.core import parse_time
from steps.core.errors import Exit
from steps.core.keys import PREFIX, RECORD, TASK
from steps.domain.task_id import find_task, task_id
from steps.kube import KubernetesTransport
from steps.observed_state.repair_attempts import ATTENTION_LABEL
from steps.settings.tasks import TaskPattern
from tests.doubles.github import fail as github_fails
from tests.doubles.kubernetes import Fault, serve, write_kubeconfig
from tests.doubles.platform.runs import CLEO, REX
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene, ago
from tests.support.settings_files import write_settings

NAMES = [command.__name__.rpartition(".")[2] for command in COMMANDS]


@pytest.fixture
def laptop(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scene]:
    """The scene's cluster behind a kubeconfig, dated by the scene's clock."""
    with serve(scene.api) as url:
        monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path / "kubeconfig", url)))
        monkeypatch.setattr("pipelines.client.server_time", lambda *_, **__: scene.clock.now())
        yield scene


def a_push(scene: Scene, sha: str = NEW) -> None:
    scene.agent()
    scene.agent(agent=CLEO)
    scene.agent(agent=REX)
    scene.later(5)
    scene.github.push("task-7-work", sha)


def statuses(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main(["status", "--json", *arguments]) == Exit.DONE
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def explained(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["explain", "7"]) == Exit.DONE
    return " ".join(capsys.readouterr().out.split())


def test_a_finished_push_is_counted_and_explained(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_push(laptop)
    waiters = [laptop.workflow(pushed_at=ago(laptop.clock, 4)) for _ in range(2)]
    workflow = laptop.workflow()
    assert laptop.play(workflow) is Exit.DONE
    laptop.later(300)
    laptop.api.calls.clear()

    (status,) = statuses(capsys)
    expected = {"task": "7", "state": "completed", "stopped": 2, "kept": 1, "unproven": 0, "labels": "moved"}
    assert {name: status[name] for name in expected} == expected
    assert (status["superseded"], status["waiting"], status["workflow"]) == (len(waiters), 0, workflow.name)
    said = explained(capsys)
    for words in (
        f"Push {NEW[:12]} to task-7-work of 5dlabs/cto by 5DLabs-Rex[bot], 5m ago: completed",
        "5DLabs-Rex, started",
        "was kept (exempt agent)",
        "was stopped; its object, Job and pods are proven gone",
        "Pull request #1: labels moved.",
        "2 Workflows were superseded",
        "Nothing is left to do.",
    ):
        assert words in said
    assert {call.method for call in laptop.api.calls} == {"GET"}


def test_a_push_that_waits_is_pending_though_it_has_no_lease(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    laptop.workflow()
    (status,) = statuses(capsys)
    assert (status["state"], status["waiting"]) == ("pending", 1)
    laptop.later(360)
    created_at = laptop.workflow().created_at
    assert main(["status"]) == Exit.DONE
    assert "2 for 6m" in capsys.readouterr().out
    assert main(["status", "--json"]) == Exit.DONE
    (status,) = json.loads(capsys.readouterr().out)
    assert (created_at - datetime.fromisoformat(status["waiting_since"])).total_seconds() == 360
    assert "waits for the task's lock" in explained(capsys)


def test_a_task_is_pending_since_its_oldest_push_whatever_the_order_of_the_list(
    laptop: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    created = [laptop.workflow().created_at]
    laptop.later(60)
    newer = laptop.api.get("workflows", laptop.workflow().name, namespace=DEFAULTS.namespaces.workflows)
    laptop.later(60)
    # The API server lists by name.
    created.append(parse_time(laptop.api.create(renamed(newer, "a-first-name"))["metadata"]["creationTimestamp"]))
    (status,) = statuses(capsys)
    assert (status["waiting"], status["since"], status["waiting_since"]) == (3, *(created[0].isoformat(),) * 2)
    assert created[0] < created[1]


def renamed(workflow: dict[str, Any], name: str) -> dict[str, Any]:
    kept = {key: workflow["metadata"][key] for key in ("namespace", "labels")}
    return {key: workflow[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": kept | {"name": name}}


def test_in_progress_and_interrupted_are_two_states(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_push(laptop)
    workflow = laptop.workflow()
    laptop.begin(workflow, pod="pod")
    assert statuses(capsys)[0]["state"] == "in progress"
    lease = laptop.lease()
    laptop.api.update(lease | {"spec": lease["spec"] | {"holderIdentity": ""}})
    assert statuses(capsys)[0]["state"] == "interrupted"
    assert "reconcile or the next push resumes it" in explained(capsys)


def test_a_failure_says_what_went_wrong_and_what_comes_next(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_push(laptop)
    laptop.github.fault(github_fails(401), method="GET", path="/pulls$")
    assert laptop.play(laptop.workflow()) is Exit.FORBIDDEN
    (status,) = statuses(capsys, "7")
    assert status["state"] == "failed"
    assert "renew the Secret" in str(status["note"])
    said = explained(capsys)
    assert "renew the Secret" in said
    assert "Reconcile tries again. To try now, retry its Workflow" in said


def test_a_skip_label_is_named_in_the_note(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_push(laptop)
    laptop.github.edit_labels(1, add=["skip-automation"])
    assert laptop.play(laptop.workflow()) is Exit.DONE
    assert "skip label" in str(statuses(capsys)[0]["note"])
    assert "labels not moved: skip label" in explained(capsys)


def test_a_record_that_cannot_be_read_is_shown_as_that(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_push(laptop)
    assert laptop.play(laptop.workflow()) is Exit.DONE
    name, broken = laptop.lease()["metadata"]["name"], {"metadata": {"annotations": {"agent-cancellation/record": "{"}}}
    laptop.api.patch("leases", name, broken, namespace=DEFAULTS.namespaces.workflows)
    (status,) = statuses(capsys)
    assert status["state"] == "unreadable"
    assert "start afresh" in str(status["note"])
    assert "It needs attention" in explained(capsys)


def test_an_unknown_task_is_shown_as_unknown(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_push(laptop, NEWER)
    for command in ("status", "explain"):
        assert main([command, "999"]) == Exit.BUG
        assert "no cancellation recorded for task 999" in capsys.readouterr().err
    assert main(["explain", "7", "--repository", "5dlabs/other"]) == Exit.BUG
    assert "no cancellation recorded for task 7 of 5dlabs/other" in capsys.readouterr().err


def test_the_table_is_plain_where_there_is_no_terminal(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_push(laptop)
    assert laptop.play(laptop.workflow()) is Exit.DONE
    assert main(["status"]) == Exit.DONE
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    lines = shown.splitlines()
    assert lines[0].split() == [column.name for column in COLUMNS]
    assert lines[1].split()[:5] == ["5dlabs/cto", "7", "completed", NEW[:8], "2"]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (200000, "2d")]
)
def test_an_age_has_one_unit(scene: Scene, seconds: int, expected: str) -> None:
    assert age(ago(scene.clock, seconds), now=scene.clock.now().replace(microsecond=0)) == expected


def test_every_phase_has_its_next_step() -> None:
    assert set(NEXT_STEP) == set(TaskPhase)


# The command line itself.


def test_help_names_every_command_and_an_unknown_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in NAMES)
    with pytest.raises(SystemExit, match="0"):
        main(["help"])
    assert capsys.readouterr().out == shown
    with pytest.raises(SystemExit, match="2"):
        main(["cancel"])
    assert "invalid choice: 'cancel'" in capsys.readouterr().err
    assert main([]) == 2
    assert capsys.readouterr().err == shown


@pytest.mark.parametrize("command", NAMES)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"agent-cancellation {command}" in capsys.readouterr().out


# The time between two reads of a watch.
EVERY_S = 2.0


def interrupted(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Let a person interrupt a watch after this many reads."""
    pauses: list[float] = []
    between_attempts = time.sleep

    def interrupt(seconds: float) -> None:
        if seconds < EVERY_S:
            between_attempts(seconds)
            return
        pauses.append(seconds)
        if len(pauses) == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)


def test_a_watch_in_json_is_a_line_each_time(
    laptop: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    laptop.workflow()
    interrupted(monkeypatch, after=3)
    assert main(["status", "--watch", "--json"]) == Exit.DONE
    assert [json.loads(line)[0]["state"] for line in capsys.readouterr().out.splitlines()] == ["pending"] * 3


def test_a_watch_in_json_goes_on_after_a_read_that_failed(
    laptop: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    laptop.workflow()
    laptop.api.faults.add(Fault(method="GET", path="/leases", status=500, times=DEFAULTS.kubernetes.attempts))
    interrupted(monkeypatch, after=2)
    assert main(["status", "--watch", "--json"]) == Exit.DONE
    printed = capsys.readouterr()
    assert [json.loads(line)[0]["state"] for line in printed.out.splitlines()] == ["pending"]
    assert printed.err.count("not read, trying again: ") == 1


def test_a_watch_without_a_terminal_is_one_plain_table_after_the_other(
    laptop: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    laptop.workflow()
    interrupted(monkeypatch, after=2)
    assert main(["status", "--watch"]) == Exit.DONE
    shown = capsys.readouterr().out
    assert shown.count("REPOSITORY") == 2
    assert "\x1b" not in shown


@pytest.mark.parametrize("command", [["status"], ["explain", "7"], ["reconcile", "--dry-run"]], ids=" ".join)
@pytest.mark.usefixtures("laptop")
def test_ctrl_c_while_a_command_waits_for_an_answer_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(KubernetesTransport, "send", interrupt)
    assert main(command) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["status"], ["explain", "7"], ["reconcile", "--dry-run"]], ids=" ".join)
def test_what_people_read_is_plain_without_a_terminal(
    laptop: Scene, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    a_push(laptop)
    assert laptop.play(laptop.workflow()) is Exit.DONE
    capsys.readouterr()
    assert main(command) == Exit.DONE
    shown = capsys.readouterr().out
    assert shown
    assert "\x1b" not in shown


def test_no_colour_is_no_colour_in_a_terminal_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    colour = "\x1b[31m"
    for setting, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
        for name, value in setting.items():
            monkeypatch.setenv(name, value)
        open_console().print("failed", style="red")
        assert (colour in capsys.readouterr().out) is expected


def test_two_repositories_with_a_task_of_one_number_are_shown_apart(
    laptop: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    a_push(laptop)
    assert laptop.play(laptop.workflow()) is Exit.DONE
    laptop.github.add_repository("5dlabs/other")
    assert laptop.play(laptop.workflow(repository="5dlabs/other", sha=NEWER)) is Exit.DONE
    assert len(statuses(capsys, "7")) == 2
    assert main(["explain", "7", "--repository", "5DLabs/Other"]) == Exit.DONE
    said = capsys.readouterr().out
    assert NEWER[:12] in said
    assert NEW[:12] not in said
    assert main(["explain", "7", "--repository", "5dlabs/third"]) == Exit.BUG


def test_a_push_that_waits_counts_for_its_own_repository(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_push(laptop)
    assert laptop.play(laptop.workflow()) is Exit.DONE
    laptop.github.add_repository("5dlabs/other")
    laptop.later(60)
    laptop.workflow(repository="5dlabs/other", sha=NEWER)
    found = {str(each["repository"]): (each["state"], each["waiting"]) for each in statuses(capsys, "7")}
    assert found == {"5dlabs/cto": ("completed", 0), "5dlabs/other": ("pending", 1)}
    assert main(["explain", "7", "--repository", "5dlabs/other"]) == Exit.DONE
    assert "waits for the task's lock" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", ["text", ["text"], {"parameters": "text"}, {"parameters": ["text", {"name": 7}]}])
def test_a_workflow_with_odd_arguments_hides_no_other_task(
    arguments: object, laptop: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    a_push(laptop)
    assert laptop.play(laptop.workflow()) is Exit.DONE
    odd = laptop.workflow(sha=NEWER)
    laptop.api.patch("workflows", odd.name, {"spec": {"arguments": arguments}}, namespace=DEFAULTS.namespaces.workflows)
    found = {str(each["repository"]): (each["state"], each["waiting"]) for each in statuses(capsys)}
    assert found == {"5dlabs/cto": ("completed", 0), "": ("pending", 1)}


def relabelled(laptop: Scene, **metadata: dict[str, str | None]) -> None:
    name = laptop.lease()["metadata"]["name"]
    laptop.api.patch("leases", name, {"metadata": metadata}, namespace=DEFAULTS.namespaces.workflows)


def test_a_lease_without_a_record_is_not_called_unreadable(laptop: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    a_push(laptop)
    assert laptop.play(laptop.workflow()) is Exit.DONE
    relabelled(laptop, annotations={RECORD: None})
    (status,) = statuses(capsys)
    assert (status["repository"], status["state"]) == ("5dlabs/cto", "no push")
    assert main(["explain", "7", "--repository", "5DLabs/cto"]) == Exit.DONE
    assert "No push of this task has been recorded." in capsys.readouterr().out
    laptop.workflow()
    assert [each["state"] for each in statuses(capsys)] == ["pending"]


@pytest.mark.parametrize(("record", "first"), [(None, "fix the task"), ("{", "the Lease's record is not")])
def test_an_escalation_without_a_record_is_said_first(
    laptop: Scene, capsys: pytest.CaptureFixture[str], record: str | None, first: str
) -> None:
    a_push(laptop)
    assert laptop.play(laptop.workflow()) is Exit.DONE
    relabelled(laptop, annotations={RECORD: record}, labels={ATTENTION_LABEL: "true"})
    (status,) = statuses(capsys)
    assert status["escalated"]
    assert str(status["note"]).startswith(f"needs attention: {first}")
    assert explained(capsys).startswith(f"Needs attention: {first}")


@pytest.mark.parametrize(("seconds", "state"), [(59, "in progress"), (61, "interrupted")])
def test_a_holder_that_renewed_nothing_for_two_durations_is_dead(
    laptop: Scene, capsys: pytest.CaptureFixture[str], seconds: int, state: str
) -> None:
    a_push(laptop)
    laptop.begin(laptop.workflow(), pod="pod")
    laptop.clock.jump(seconds)
    assert statuses(capsys)[0]["state"] == state


def last_sentences(laptop: Scene, capsys: pytest.CaptureFixture[str], tmp_path: Path, *, every_s: int) -> str:
    """What `explain` says, with reconcile at this interval."""
    write_settings(tmp_path, {"every_s = 30 ": f"every_s = {every_s} "})
    laptop.api.calls.clear()
    capsys.readouterr()
    assert main(["explain", "7", "--settings", str(tmp_path / "settings.toml")]) == Exit.DONE
    return " ".join(capsys.readouterr().out.split())


def a_failure(laptop: Scene) -> None:
    a_push(laptop)
    laptop.github.fault(github_fails(401), method="GET", path="/pulls$")
    assert laptop.play(laptop.workflow()) is Exit.FORBIDDEN


def a_completion(laptop: Scene) -> None:
    a_push(laptop)
    assert laptop.play(laptop.workflow()) is Exit.DONE


@pytest.mark.parametrize("begin", [a_failure, a_completion])
def test_of_an_escalated_task_only_a_person_is_said_to_act(
    laptop: Scene, capsys: pytest.CaptureFixture[str], begin: Callable[[Scene], None]
) -> None:
    begin(laptop)
    relabelled(laptop, labels={ATTENTION_LABEL: "true"})
    said = explained(capsys)
    assert said.endswith("reconcile does not repair the task until its label needs-attention is removed.")
    assert "Reconcile tries again" not in said
    assert "Nothing is left to do" not in said


def test_a_reconcile_that_is_off_is_not_promised(
    laptop: Scene, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    a_failure(laptop)
    assert "Reconcile tries again." in last_sentences(laptop, capsys, tmp_path, every_s=30)
    said = last_sentences(laptop, capsys, tmp_path, every_s=0)
    assert "Reconcile tries again" not in said
    assert "Reconcile is off (reconcile.every_s = 0)." in said


@pytest.mark.parametrize("given", ["fix-login-42-4f0a1c2b3d", "FIX-login-42-4f0a1c2b3d", "fix/login"])
def test_a_task_is_found_by_the_id_that_status_shows_and_by_the_text_of_its_branch(
    given: str, laptop: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = given.lower() if "4f0a1c2b3d" in given else task_id(given)
    for task in (shown, "fix-login"):
        labels = {TASK: task, "app.kubernetes.io/managed-by": PREFIX}
        metadata = {"name": f"lease-{task}", "namespace": DEFAULTS.namespaces.workflows, "labels": labels}
        laptop.api.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}})
    (status,) = statuses(capsys, given)
    assert status["task"] == shown
    assert main(["explain", given]) == Exit.DONE


def test_a_text_that_looks_like_an_id_may_also_be_that_of_a_branch(
    laptop: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    shown, branch = "fix-login-4f0a1c2b3d", "claude/fix-login-4f0a1c2b3d"
    pattern = TaskPattern(branch="claude/(?P<id>.+)", examples=(branch,))
    laptop.settings = replace(DEFAULTS, tasks=(pattern,))
    id_of_branch = find_task(branch, patterns=(pattern,))
    assert id_of_branch
    assert id_of_branch != shown
    laptop.workflow(task=id_of_branch, branch=branch)
    assert [each["task"] for each in statuses(capsys, shown)] == [id_of_branch]
    assert [each["task"] for each in statuses(capsys, id_of_branch)] == [id_of_branch]
