"""Which push a person means: by what was said, by the checkout that one stands in, or by the pull request on GitHub.

Guarantees that branch and commit belong together, and that nothing is guessed: a checkout of another repository or of
another task's branch does not count, and of several pull requests none is chosen unless the task's label chooses it.
GitHub is asked only for what neither the command line nor the checkout says.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.agents import parse_repository
from steps.core import BadInputError

if TYPE_CHECKING:
    import argparse

    from pipelines.client.github import Head, PersonalGitHub
    from pipelines.settings import Settings

_BRANCHES = "refs/heads/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTarget:
    """A push; what is empty is not known."""

    repository: str
    task: str
    ref: str
    sha: str


def git_output(*arguments: str) -> str:
    """What git says here; empty if it says nothing."""
    try:
        ran = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603, S607 - fixed words
    except OSError:
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def find_push(options: argparse.Namespace, *, settings: Settings) -> PushTarget:
    """The push that is meant.

    Args:
        options: `repository`, `task`, `pr`, `ref`, `sha`, as far as they were given.
        settings: Which branches are a task's, which repositories there are, and where GitHub is.

    Raises:
        BadInputError: It cannot be told; says what to add.
        StepError: GitHub refuses, or does not answer.
    """
    origin = parse_repository(git_output("remote", "get-url", "origin"))
    repository = options.repository or _usual(origin, settings=settings)
    here = git_output("symbolic-ref", "--quiet", "HEAD") if origin.casefold() == repository.casefold() else ""
    ref, sha = options.ref or "", options.sha or ""
    ref = ref if ref.startswith("refs/") or not ref else f"{_BRANCHES}{ref}"
    own = _task_of(here, settings=settings)
    if options.pr:
        head = _github("--pr", repository=repository, settings=settings).head(repository=repository, number=options.pr)
        ref, sha = ref or f"{_BRANCHES}{head.branch}", sha or head.sha
    elif not ref and own and options.task in (None, "", own):
        ref, sha = here, sha or git_output("rev-parse", "HEAD")
    elif not ref and options.task:
        head = _of_task(options.task, repository=repository, settings=settings)
        ref, sha = f"{_BRANCHES}{head.branch}", sha or head.sha
    elif ref and not sha:
        sha = (
            git_output("rev-parse", "HEAD")
            if ref == here
            else _of_branch(ref, repository=repository, settings=settings)
        )
    elif not ref:
        raise BadInputError(
            "nothing says which push is meant: give --pr or --task (with GITHUB_TOKEN), or --ref and --sha, "
            "or stand in a checkout of the task's branch"
        )
    if not repository:
        raise BadInputError(f"say which repository by --repository: {', '.join(settings.events.repositories)}")
    task = options.task or _task_of(ref, settings=settings)
    if not task:
        raise BadInputError(f"{ref!a} is no branch of a task: settings push.branch says how one is called")
    return PushTarget(repository=repository, task=task, ref=ref, sha=sha)


def _usual(origin: str, *, settings: Settings) -> str:
    """The repository of somebody who did not say: the checkout's if it is one of ours, or else our only one."""
    known = settings.events.repositories
    if origin.casefold() in {each.casefold() for each in known} or len(known) > 1:
        return origin
    return known[0]


def _task_of(ref: str, *, settings: Settings) -> str:
    match = re.fullmatch(settings.push.branch, ref, re.ASCII)
    return str(match.group(1)) if match else ""


def _github(option: str, *, repository: str, settings: Settings) -> PersonalGitHub:
    # Imported on use: a checkout does without GitHub.
    from pipelines.client.github import connect_github  # noqa: PLC0415

    token = os.environ.get("GITHUB_TOKEN", "")
    if not repository:
        known = ", ".join(settings.events.repositories)
        raise BadInputError(f"{option}: say which repository by --repository, or stand in a checkout of it: {known}")
    if not token:
        raise BadInputError(
            f"{option}: set GITHUB_TOKEN, so that the pull request can be looked up, or give --ref and --sha instead"
        )
    return connect_github(settings.github, found={"token": token}, where="GITHUB_TOKEN")


def _of_task(task: str, *, repository: str, settings: Settings) -> Head:
    """Head of the task's open pull request."""
    github = _github("--task", repository=repository, settings=settings)
    heads = github.heads(repository=repository)
    found = [head for head in heads if _task_of(f"{_BRANCHES}{head.branch}", settings=settings) == task]
    label = settings.labels.task.format(task=task)
    labelled = [head for head in found if label.casefold() in map(str.casefold, head.labels)]
    chosen = labelled if len(labelled) == 1 else found
    if not chosen:
        raise BadInputError(
            f"{repository} has no open pull request from a branch of task {task} (settings push.branch): "
            "give --ref and --sha of a branch without one"
        )
    if len(chosen) > 1:
        shown = ", ".join(f"#{head.number} from {head.branch}" for head in chosen)
        raise BadInputError(
            f"task {task} has {len(chosen)} open pull requests in {repository}: {shown}: say which by --pr, "
            f"or give one of them the label {label}"
        )
    return chosen[0]


def _of_branch(ref: str, *, repository: str, settings: Settings) -> str:
    """Commit of a branch, by its open pull request."""
    branch = ref.removeprefix(_BRANCHES)
    github = _github("--ref without --sha", repository=repository, settings=settings)
    found = github.open_pull_requests(repository=repository, branch=branch)
    if not found:
        raise BadInputError(f"{repository} has no open pull request from {branch}: give --sha, too")
    return found[0].head_sha
