"""Find the push that a command line means: from its options, the current checkout, or the pull request on GitHub.

Guarantees that branch and commit belong together, and that nothing is guessed: a checkout of another repository or of
another task's branch does not count, and of several pull requests only the one with the task's label is chosen. Asks
GitHub only for values that neither the options nor the checkout give.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.core import BadInputError, parse_repository
from steps.domain import find_task

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pipelines.client.github import Head, PersonalGitHub
    from pipelines.settings import Settings

_BRANCHES = "refs/heads/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTarget:
    """A push; an empty value is unknown."""

    repository: str
    task: str
    ref: str
    sha: str


def git_output(*arguments: str) -> str:
    """Run git in the current folder; empty if it fails, hangs, or prints a name that is not UTF-8."""
    try:
        ran = subprocess.run(["git", *arguments], capture_output=True, timeout=10, check=False)  # noqa: S603, S607 - fixed words
        return ran.stdout.decode().strip() if ran.returncode == 0 else ""
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""


def find_push(options: argparse.Namespace, *, settings: Settings) -> PushTarget:
    """Find the push.

    Args:
        options: `repository`, `task`, `pr`, `ref` and `sha`; each may be empty.
        settings: The branch pattern, the repositories, and GitHub's address.

    Raises:
        BadInputError: The options do not determine the push; the error names the option to add.
        StepError: GitHub refuses, or does not answer.
    """
    origin = parse_repository(git_output("remote", "get-url", "origin")).name_for_person(settings.github.hosts_of_git)
    repository = options.repository or _default_repository(origin, settings=settings)
    here = git_output("symbolic-ref", "--quiet", "HEAD") if origin.casefold() == repository.casefold() else ""
    ref, sha = options.ref or "", options.sha or ""
    ref = ref if ref.startswith("refs/") or not ref else f"{_BRANCHES}{ref}"
    own = _task_id(here, settings=settings)
    if options.pr:
        head = _github("--pr", repository=repository, settings=settings).head(repository=repository, number=options.pr)
        ref, sha = ref or f"{_BRANCHES}{head.branch}", sha or head.sha
    elif not ref and own and (not options.task or own in options.task):
        ref, sha = here, sha or git_output("rev-parse", "HEAD")
    elif not ref and options.task:
        head = _task_head(options.task, repository=repository, settings=settings)
        ref, sha = f"{_BRANCHES}{head.branch}", sha or head.sha
    elif ref and not sha:
        sha = (
            git_output("rev-parse", "HEAD")
            if ref == here
            else _branch_commit(ref, repository=repository, settings=settings)
        )
    elif not ref:
        raise BadInputError(
            "cannot determine the push: give --pr or --task (with GITHUB_TOKEN), or --ref and --sha, "
            "or run this in a checkout of the task's branch"
        )
    if not repository:
        raise BadInputError(f"repository unknown: give --repository, one of {', '.join(settings.events.repositories)}")
    found = _task_id(ref, settings=settings)
    task = found if not options.task or found in options.task else options.task[0]
    if not task:
        raise BadInputError(f"{ref!a} is not the branch of a task: give a ref that matches settings tasks")
    return PushTarget(repository=repository, task=task, ref=ref, sha=sha)


def _default_repository(origin: str, *, settings: Settings) -> str:
    """Return the checkout's repository if the settings have it, else the only one of the settings."""
    events = settings.events
    if events.has(origin) or len(events.repositories) > 1 or not events.named:
        return origin
    return events.named[0]


def _task_id(ref: str, *, settings: Settings) -> str:
    return find_task(ref, patterns=settings.tasks) or ""


def _github(option: str, *, repository: str, settings: Settings) -> PersonalGitHub:
    # A checkout needs no GitHub.
    from pipelines.client.github import connect_github  # noqa: PLC0415

    token = os.environ.get("GITHUB_TOKEN", "")
    if not repository:
        known = ", ".join(settings.events.repositories)
        raise BadInputError(
            f"{option}: repository unknown: give --repository, one of {known}, or run this in a checkout of it"
        )
    if not token:
        raise BadInputError(f"{option}: set GITHUB_TOKEN to look up the pull request, or give --ref and --sha instead")
    return connect_github(settings.github, found={"token": token}, where="GITHUB_TOKEN")


def _task_head(tasks: Sequence[str], *, repository: str, settings: Settings) -> Head:
    """Find the head of the open pull request of a task with one of these ids."""
    github = _github("--task", repository=repository, settings=settings)
    heads = github.heads(repository=repository)
    ids = {head: _task_id(f"{_BRANCHES}{head.branch}", settings=settings) for head in heads}
    found = [head for head, own in ids.items() if own in tasks]
    task = ids[found[0]] if found else tasks[0]
    label = settings.for_repository(repository).labels.of_task(task)
    labelled = [head for head in found if label.casefold() in map(str.casefold, head.labels)]
    chosen = labelled if len(labelled) == 1 else found
    if not chosen:
        raise BadInputError(
            f"{repository} has no open pull request from a branch of task {task} (settings tasks): give --ref and --sha"
        )
    if len(chosen) > 1:
        shown = ", ".join(f"#{head.number} from {head.branch}" for head in chosen)
        raise BadInputError(
            f"task {task} has {len(chosen)} open pull requests in {repository}: {shown}: choose one by --pr"
            + (f", or put the label {label} on one" if label else "")
        )
    return chosen[0]


def _branch_commit(ref: str, *, repository: str, settings: Settings) -> str:
    """Find the commit of a branch by its open pull request."""
    branch = ref.removeprefix(_BRANCHES)
    github = _github("--ref without --sha", repository=repository, settings=settings)
    found = github.open_pull_requests(repository=repository, branch=branch)
    if not found:
        raise BadInputError(f"{repository} has no open pull request from {branch}: give --sha too")
    return found[0].head_sha
