"""Submitting by hand: what is sent, how it is waited for, and what the outcome is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.main import main as command_line
from pipelines.client.kubeconfig import kube_client as laptop_kube
from pipelines.client.submission import KubernetesApi, wait_for_workflow, workflow_exit_code
from steps.cancellation.workflow import SUPERSEDED_BY, build_workflow
from steps.core.errors import BadInputError, Exit, NotFoundError, UnavailableError
from tests.doubles import github as github_double
from tests.doubles.clock import ManualClock
from tests.doubles.github import GitHub
from tests.doubles.kubernetes import ApiServer, serve, write_kubeconfig
from tests.schemas.validate import validate
from tests.support.harness import DEFAULTS, NEW
from tests.support.scene.in_process import InProcess
from tests.support.settings_files import write_settings

VALUES = {
    "repository": "5dlabs/cto",
    "task-id": "7",
    "ref": "refs/heads/task-7-work",
    "sha": NEW,
    "pushed-at": "1772366400",
    "correlation-id": "manual-1",
}
SPACE = DEFAULTS.namespaces.workflows


def main(arguments: list[str]) -> int:
    return command_line(["submit", *arguments])


class ScriptedCluster:
    """A cluster whose Workflow goes through the given states, one at each read."""

    def __init__(self, *states: dict[str, Any] | Exception) -> None:
        self.states = itertools.chain(states, itertools.repeat(states[-1]))

    def create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return wanted

    def get(self, name: str) -> dict[str, Any]:
        state = next(self.states)
        if isinstance(state, Exception):
            raise state
        return {"metadata": {"name": name} | state.get("metadata", {}), "status": state}


def waited(*states: dict[str, Any] | Exception, deadline_s: float = 100) -> tuple[Any, list[str]]:
    progress: list[str] = []
    result = wait_for_workflow(
        "w", cluster=ScriptedCluster(*states), clock=ManualClock(), deadline_s=deadline_s, progress=progress.append
    )
    return result, progress


def test_the_workflow_brings_nothing_that_the_secure_mode_refuses() -> None:
    wanted = build_workflow(VALUES, settings=DEFAULTS)
    assert validate(wanted) == []
    assert set(wanted["spec"]) == {"workflowTemplateRef", "priority", "arguments"}
    assert wanted["metadata"]["name"] == "cancel-manual-1"


def test_the_outcome_has_what_the_last_attempt_left_for_people() -> None:
    def node(phase: str, finished: str, *outputs: tuple[str, str]) -> dict[str, Any]:
        parameters = [{"name": name, "value": value} for name, value in outputs]
        return {"phase": phase, "finishedAt": finished, "outputs": {"parameters": parameters}}

    nodes = {
        "lost": node("Failed", "2026-03-01T10:00:09Z", ("report", "half of it")),
        "first": node("Succeeded", "2026-03-01T10:00:01Z", ("report", "earlier")),
        "last": node("Succeeded", "2026-03-01T10:00:05Z", ("stopped", "2"), ("report", "2 stopped")),
        "main": {"phase": "Succeeded", "finishedAt": "2026-03-01T10:00:06Z"},
    }
    result, _ = waited({"phase": "Succeeded", "nodes": nodes})
    assert result.report == "2 stopped"
    result, _ = waited({"phase": "Succeeded"})
    assert result.report == ""


@pytest.mark.parametrize(("name", "value"), [("sha", "main"), ("task-id", "seven"), ("ref", "refs/heads/main")])
def test_a_wrong_parameter_is_refused_before_anything_is_sent(name: str, value: str) -> None:
    with pytest.raises(BadInputError, match=name):
        build_workflow(VALUES | {name: value}, settings=DEFAULTS)


def test_a_workflow_that_waits_for_a_lock_is_not_done() -> None:
    waiting = {"phase": "Pending", "message": "Waiting for agent-cancellation/Mutex/cancel-agents lock"}
    result, progress = waited({}, waiting, waiting, {"phase": "Running"}, {"phase": "Succeeded"})
    assert (result.phase, result.exit) == ("Succeeded", 0)
    assert progress == ["Pending", f"Pending: {waiting['message']}", "Running"]


def test_a_workflow_that_was_ended_while_it_waited_is_no_failure() -> None:
    ended = {"phase": "Failed", "metadata": {"labels": {SUPERSEDED_BY: "cancel-newer"}}}
    result, _ = waited({"phase": "Pending"}, ended)
    assert (result.phase, result.message, result.exit) == ("Superseded", "superseded by cancel-newer", 0)


def test_a_network_outage_is_waited_out() -> None:
    away = UnavailableError("away")
    result, _ = waited({"phase": "Running"}, away, away, {"phase": "Succeeded"})
    assert result.exit == 0


def test_a_network_that_does_not_come_back_is_given_up() -> None:
    with pytest.raises(UnavailableError):
        waited(UnavailableError("away"))


def test_a_workflow_that_takes_too_long_is_left_alone() -> None:
    result, _ = waited({"phase": "Running"}, deadline_s=10)
    assert (result.phase, result.exit) == ("Running", Exit.TRY_AGAIN)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (['main: Error (exit code 64): dependency "cancel" exited with non-zero code: 65'], 65),
        (["cancel: Error (exit code 77)"], 77),
        (["main: Error (exit code 75)", "main: Error (exit code 75)"], 75),
        (["main: Error (exit code 75)", "main: Error (exit code 65)"], 65),
        (["main: OOMKilled (exit code 137)"], 1),
        ([], 1),
    ],
)
def test_the_outcome_is_the_exit_code_of_the_step_that_failed(messages: list[str], expected: int) -> None:
    nodes = {
        str(number): {"phase": "Failed", "message": message, "finishedAt": f"2026-03-01T12:00:0{number}Z"}
        for number, message in enumerate(messages)
    }
    assert workflow_exit_code({"phase": "Failed", "nodes": nodes}) == expected


def test_a_workflow_that_is_gone_is_reported_as_gone() -> None:
    api = ApiServer(namespaces=(SPACE,))
    clock = ManualClock()
    kube = laptop_kube(DEFAULTS, transport=InProcess(api))
    with pytest.raises(NotFoundError):
        wait_for_workflow(
            "none",
            cluster=KubernetesApi(kube=kube, namespace=SPACE),
            clock=clock,
            deadline_s=10,
            progress=lambda _: None,
        )


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """A kubeconfig that leads to an API server."""
    api = ApiServer(namespaces=(SPACE,))
    monkeypatch.delenv("ARGO_SERVER", raising=False)
    with serve(api) as url:
        monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path / "kubeconfig", url)))
        yield api


def test_by_kubeconfig_the_workflow_is_created_and_its_outcome_is_the_exit_code(
    laptop: ApiServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.client.submission._POLL_S", 0.01)

    def ended() -> None:
        for found in laptop.list("workflows", namespace=SPACE):
            laptop.patch("workflows", found["metadata"]["name"], {"status": {"phase": "Failed"}}, namespace=SPACE)

    monkeypatch.setattr("pipelines.client.submission.KubernetesApi.get", _after(ended))
    given = ["--repository", "5dlabs/cto", "--ref", "task-7-work", "--sha", NEW, "--json"]
    assert main(given) == Exit.BUG
    assert json.loads(capsys.readouterr().out)["phase"] == "Failed"
    parameters = laptop.list("workflows", namespace=SPACE)[0]["spec"]["arguments"]["parameters"]
    values = {each["name"]: each["value"] for each in parameters}
    assert (values["task-id"], values["ref"], values["reason"]) == ("7", "refs/heads/task-7-work", "manual")


def test_a_person_may_include_what_began_after_the_heads_push(laptop: ApiServer) -> None:
    given = ["--repository", "5dlabs/cto", "--ref", "task-7-work", "--sha", NEW, "--no-wait", "--include-newer"]
    assert main(given) == 0
    parameters = laptop.list("workflows", namespace=SPACE)[0]["spec"]["arguments"]["parameters"]
    assert {each["value"] for each in parameters if each["name"] == "reason"} == {"manual-all"}


def _after(do: Any) -> Any:  # noqa: ANN401 - a method and its replacement
    real = KubernetesApi.get

    def get(self: KubernetesApi, name: str) -> dict[str, Any]:
        do()
        return real(self, name)

    return get


def test_without_waiting_only_the_name_is_printed(laptop: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--repository", "5dlabs/cto", "--ref", "task-7-work", "--sha", NEW, "--no-wait"]) == 0
    created = laptop.list("workflows", namespace=SPACE)[0]["metadata"]["name"]
    assert created in capsys.readouterr().out


@pytest.mark.parametrize(
    "error", [KeyError("getpwuid(): uid not found"), OSError("No username set"), ImportError("pwd")]
)
def test_a_user_id_without_a_name_submits_all_the_same(
    laptop: ApiServer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """As in a container with a user id of its own; Python's errors for it differ by version."""

    def nobody() -> str:
        raise error

    monkeypatch.setattr("getpass.getuser", nobody)
    assert main(["--repository", "5dlabs/cto", "--ref", "task-7-work", "--sha", NEW, "--no-wait"]) == 0
    parameters = laptop.list("workflows", namespace=SPACE)[0]["spec"]["arguments"]["parameters"]
    assert [each["value"] for each in parameters if each["name"] == "requested-by"] == ["unknown"]


def test_outside_a_checkout_the_error_names_each_option_that_is_enough(
    laptop: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = str(Path("settings.toml").absolute())
    monkeypatch.chdir(tmp_path)
    assert main(["--settings", settings]) == Exit.BAD_INPUT
    output = capsys.readouterr().err
    assert all(name in output for name in ("--pr", "--task", "GITHUB_TOKEN", "--ref", "--sha", "checkout"))
    assert laptop.list("workflows", namespace=SPACE) == []


# By pull request.


@pytest.fixture
def pull(laptop: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[GitHub, list[str]]]:
    """A GitHub with a pull request; and what leads `submit` there, outside of any checkout."""
    del laptop
    github = GitHub()
    github.add_repository("5dlabs/cto")
    github.add_repository("someone/cto", fork=True)
    github.add_pull_request(repository="5dlabs/cto", head="task-7-work", sha=NEW)
    github.add_token("ghp_person")
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_person")
    monkeypatch.chdir(tmp_path)
    with github_double.serve(github) as url:
        write_settings(tmp_path, {'"https://api.github.com"': f'"{url}"'})
        yield github, ["--repository", "5dlabs/cto", "--no-wait"]


@pytest.mark.parametrize("given", [("--pr", "1"), ("--task", "7")], ids=" ".join)
def test_a_pull_request_says_which_branch_and_commit_are_meant(
    pull: tuple[GitHub, list[str]], laptop: ApiServer, given: tuple[str, str]
) -> None:
    assert main([*pull[1], *given]) == 0
    created = laptop.list("workflows", namespace=SPACE)[0]
    values = {each["name"]: each["value"] for each in created["spec"]["arguments"]["parameters"]}
    assert (values["task-id"], values["ref"], values["sha"]) == ("7", "refs/heads/task-7-work", NEW)
    assert pull[0].writes() == []


@pytest.mark.parametrize(
    ("number", "said"),
    [("9", "no pull request #9"), ("2", "is closed"), ("3", "is in someone/cto")],
    ids=["unknown", "closed", "a fork's"],
)
def test_a_pull_request_that_belongs_to_no_task_is_refused(
    pull: tuple[GitHub, list[str]], laptop: ApiServer, capsys: pytest.CaptureFixture[str], number: str, said: str
) -> None:
    pull[0].add_pull_request(repository="5dlabs/cto", head="task-8", sha=NEW, state="closed")
    pull[0].add_pull_request(repository="5dlabs/cto", head="task-9", sha=NEW, head_repository="someone/cto")
    assert main([*pull[1], "--pr", number]) == Exit.BAD_INPUT
    assert said in capsys.readouterr().err
    assert laptop.list("workflows", namespace=SPACE) == []


def test_a_pull_request_cannot_be_looked_up_without_a_token(
    pull: tuple[GitHub, list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    assert main([*pull[1], "--pr", "1"]) == Exit.BAD_INPUT
    assert "set GITHUB_TOKEN" in capsys.readouterr().err


def test_a_token_that_is_refused_is_not_shown(
    pull: tuple[GitHub, list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_expired")
    assert main([*pull[1], "--pr", "1"]) == Exit.FORBIDDEN
    output = capsys.readouterr()
    assert "ghp_expired" not in output.err + output.out
