"""Which push a person on a laptop means: with real checkouts, and the GitHub double over HTTP."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipelines.cli.main import build_parser
from pipelines.client.push_lookup import PushTarget, find_push
from pipelines.settings import Settings
from steps.core.errors import BadInputError, ForbiddenError
from steps.settings.policies import LabelChanges, RepositoryPolicy
from steps.settings.tasks import TaskPattern
from tests.doubles.github import GitHub, serve
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, REPOSITORY

TOKEN = "ghp_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Laptop:
    """A person's laptop."""

    github: GitHub
    settings: Settings

    def means(self, *given: str) -> PushTarget:
        """What a command line is taken for."""
        options: argparse.Namespace = build_parser().parse_args(["submit", *given])
        return find_push(options, settings=self.settings)


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    """A person with a token, outside of any checkout; one repository is configured, with a pull request of task 7."""
    github = GitHub()
    github.add_repository(REPOSITORY)
    github.add_repository("someone/cto", fork=True)
    github.add_pull_request(repository=REPOSITORY, head="task-7-work", sha=NEW, labels=["task-7"])
    github.add_token(TOKEN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    # Whatever holds the folder of temporary files, it is not a checkout.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with serve(github) as url:
        yield Laptop(
            github=github,
            settings=replace(DEFAULTS, github=replace(DEFAULTS.github, api_url=url, hosts=("github.com",))),
        )


def checkout(branch: str, *, origin: str = f"git@github.com:{REPOSITORY}.git") -> str:
    """Make the folder that one stands in a checkout with a commit; the commit."""
    who = ("-c", "user.name=n", "-c", "user.email=e@example.com", "-c", "commit.gpgsign=false")
    for command in (
        ("init", "--quiet", f"--initial-branch={branch}"),
        ("remote", "add", "origin", origin),
        (*who, "commit", "--quiet", "--allow-empty", "--message=work"),
    ):
        subprocess.run(["git", *command], check=True, timeout=20)
    ran = subprocess.run(["git", "rev-parse", "HEAD"], check=True, timeout=20, capture_output=True, text=True)
    return ran.stdout.strip()


SEVEN = PushTarget(repository=REPOSITORY, task="7", ref="refs/heads/task-7-work", sha=NEW)


@pytest.mark.parametrize(
    "given",
    [
        ("--repository", REPOSITORY, "--task", "7"),
        ("--task", "7"),
        ("--repository", REPOSITORY, "--pr", "1"),
        ("--pr", "1"),
        ("--ref", "task-7-work"),
        ("--ref", "refs/heads/task-7-work"),
    ],
    ids=" ".join,
)
def test_a_task_a_pull_request_or_a_branch_is_enough(laptop: Laptop, given: tuple[str, ...]) -> None:
    assert laptop.means(*given) == SEVEN


def test_options_win_over_what_github_says(laptop: Laptop) -> None:
    assert laptop.means("--task", "7", "--sha", OLD) == replace(SEVEN, sha=OLD)
    assert laptop.means("--pr", "1", "--sha", OLD, "--ref", "task-7") == replace(
        SEVEN, sha=OLD, ref="refs/heads/task-7"
    )


def test_branches_of_other_tasks_and_of_forks_are_passed_over(laptop: Laptop) -> None:
    for branch in ("task-70", "feature/task-8-x", "main", "my-task-7"):
        laptop.github.add_pull_request(repository=REPOSITORY, head=branch, sha=OLD)
    laptop.github.add_pull_request(repository=REPOSITORY, head="task-7", sha=OLD, head_repository="someone/cto")
    laptop.github.add_pull_request(repository=REPOSITORY, head="task-7-done", sha=OLD, state="closed")
    assert laptop.means("--task", "7") == SEVEN


def test_a_task_is_found_behind_more_than_one_page_of_pull_requests(laptop: Laptop) -> None:
    for number in range(100, 220):
        laptop.github.add_pull_request(repository=REPOSITORY, head=f"task-{number}", sha=OLD)
    assert laptop.means("--task", "7") == SEVEN
    assert len(laptop.github.calls) == 2


def test_a_task_whose_id_has_a_hash_is_found_by_that_id_and_by_the_text_of_its_branch(laptop: Laptop) -> None:
    anything = replace(laptop.settings, tasks=(TaskPattern(branch="claude/(?P<id>.+)", examples=("claude/x",)),))
    laptop.github.add_pull_request(repository=REPOSITORY, head="claude/Fix_login", sha=OLD)
    found = replace(laptop, settings=anything).means("--task", "Fix_login")
    assert (found.ref, found.sha) == ("refs/heads/claude/Fix_login", OLD)
    assert found.task != "fix_login"
    assert replace(laptop, settings=anything).means("--task", found.task) == found
    checkout("claude/Fix_login")
    assert replace(laptop, settings=anything).means("--task", found.task).ref == found.ref


def test_of_several_pull_requests_the_labelled_one_is_meant(laptop: Laptop) -> None:
    laptop.github.add_pull_request(repository=REPOSITORY, head="task-7-other", sha=OLD)
    assert laptop.means("--task", "7") == SEVEN


@pytest.mark.parametrize("labels", [[], ["task-7"]], ids=["neither is labelled", "both are"])
def test_several_candidates_are_all_named(laptop: Laptop, labels: list[str]) -> None:
    laptop.github.edit_labels(1, repository=REPOSITORY, remove=["task-7"])
    laptop.github.edit_labels(1, repository=REPOSITORY, add=labels)
    laptop.github.add_pull_request(repository=REPOSITORY, head="task-7-other", sha=OLD, labels=labels)
    with pytest.raises(BadInputError, match="2 open pull requests") as caught:
        laptop.means("--task", "7")
    message = str(caught.value)
    assert "#1 from task-7-work" in message
    assert "#2 from task-7-other" in message
    assert "--pr" in message
    assert "label task-7" in message


def test_a_branch_whose_name_is_not_text_counts_as_none(laptop: Laptop) -> None:
    checkout("main")
    Path(".git/HEAD").write_bytes(b"ref: refs/heads/task-7-\xe9\n")
    assert laptop.means("--task", "7") == SEVEN
    with pytest.raises(BadInputError, match="cannot determine the push: give --pr or --task"):
        laptop.means()


def test_a_git_that_hangs_counts_as_none(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(command: list[str], *, timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hangs)
    assert laptop.means("--task", "7") == SEVEN


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--task", "9"), "no open pull request from a branch of task 9"),
        (("--ref", "task-9-work"), "no open pull request from task-9-work: give --sha"),
        (("--repository", "5dlabs/none", "--task", "7"), "no repository 5dlabs/none"),
        ((), "cannot determine the push"),
    ],
    ids=["task", "branch", "repository", "nothing"],
)
def test_what_github_does_not_have_is_named_with_the_options_that_help(
    laptop: Laptop, given: tuple[str, ...], said: str
) -> None:
    with pytest.raises(BadInputError, match=said):
        laptop.means(*given)


@pytest.mark.parametrize("given", [("--task", "7"), ("--pr", "1"), ("--ref", "task-7-work")], ids=lambda each: each[0])
def test_without_a_token_the_options_that_help_are_named(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    with pytest.raises(BadInputError, match=f"{given[0]}.*: set GITHUB_TOKEN .* or give --ref and --sha"):
        laptop.means(*given)
    assert laptop.means("--ref", "task-7-work", "--sha", NEW) == SEVEN, "that needs neither"


def test_a_token_that_is_refused_is_not_shown(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_expired")
    with pytest.raises(ForbiddenError) as caught:
        laptop.means("--task", "7")
    assert "ghp_expired" not in str(caught.value)


def test_where_there_are_several_repositories_one_has_to_be_named(laptop: Laptop) -> None:
    events = replace(DEFAULTS.events, repositories=(REPOSITORY, "5dlabs/other"))
    several = replace(laptop, settings=replace(laptop.settings, events=events))
    with pytest.raises(BadInputError, match="--task: repository unknown: give --repository"):
        several.means("--task", "7")
    with pytest.raises(BadInputError, match="give --repository, one of 5dlabs/cto, 5dlabs/other"):
        several.means("--ref", "task-7-work", "--sha", NEW)


def test_where_all_of_an_owner_count_one_has_to_be_named_outside_a_checkout(laptop: Laptop) -> None:
    events = replace(DEFAULTS.events, repositories=("5DLabs/*",))
    owned = replace(laptop, settings=replace(laptop.settings, events=events))
    with pytest.raises(BadInputError, match="--task: repository unknown: give --repository"):
        owned.means("--task", "7")
    commit = checkout("task-7-here")
    assert owned.means() == replace(SEVEN, ref="refs/heads/task-7-here", sha=commit)


# In a checkout.


@pytest.mark.parametrize("given", [(), ("--task", "7"), ("--ref", "task-7-here")], ids=" ".join)
def test_in_a_checkout_of_the_tasks_branch_no_request_is_sent(laptop: Laptop, given: tuple[str, ...]) -> None:
    commit = checkout("task-7-here")
    assert laptop.means(*given) == replace(SEVEN, ref="refs/heads/task-7-here", sha=commit)
    assert laptop.github.calls == []


@pytest.mark.parametrize("branch", ["task-8-here", "main"])
def test_a_checkout_of_something_else_does_not_count_for_the_task(laptop: Laptop, branch: str) -> None:
    checkout(branch)
    assert laptop.means("--task", "7") == SEVEN


def test_a_checkout_of_another_repository_does_not_count(laptop: Laptop) -> None:
    checkout("task-7-here", origin="https://git.example.com/platform/agent-cancellation")
    assert laptop.means("--task", "7") == SEVEN
    assert laptop.means("--repository", REPOSITORY, "--ref", "task-7-work") == SEVEN


def test_a_checkout_of_a_repository_that_is_named_counts_also_if_no_settings_name_it(laptop: Laptop) -> None:
    commit = checkout("task-7-here", origin="https://github.com/5dlabs/unlisted.git")
    found = laptop.means("--repository", "5dlabs/unlisted")
    assert found == PushTarget(repository="5dlabs/unlisted", task="7", ref="refs/heads/task-7-here", sha=commit)


def test_a_pull_request_counts_before_the_checkout(laptop: Laptop) -> None:
    checkout("task-8-here")
    laptop.github.push("task-7-work", NEWER, repository=REPOSITORY)
    assert laptop.means("--pr", "1") == replace(SEVEN, sha=NEWER)


@pytest.mark.parametrize(("label", "hint"), [("agent-{task}", "label agent-7"), ("", "choose one by --pr")])
def test_the_label_of_the_repositorys_policy_counts(laptop: Laptop, label: str, hint: str) -> None:
    policy = RepositoryPolicy(repositories=(REPOSITORY,), labels=LabelChanges(task=label))
    own = replace(laptop, settings=replace(laptop.settings, policies=(policy,)))
    laptop.github.add_pull_request(repository=REPOSITORY, head="task-7-other", sha=OLD)
    with pytest.raises(BadInputError) as caught:
        own.means("--task", "7")
    assert hint in str(caught.value)
    if label:
        laptop.github.edit_labels(1, repository=REPOSITORY, add=["agent-7"])
        assert own.means("--task", "7") == SEVEN
