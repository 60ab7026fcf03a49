"""The state behind the API: accounts, repositories, labels, pull requests and pushes.

Guarantees: names are found without regard to case and answered in their canonical spelling, as at GitHub.
Does not: know about HTTP, credentials or limits, and is not thread-safe by itself; `GitHub` holds the lock.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

State = Literal["open", "closed"]
Role = Literal["admin", "maintain", "write", "triage", "read"]
NULL_SHA = "0" * 40
MAX_LABEL_LENGTH = 50
MAX_LABELS = 100
MAX_COMMENT_LENGTH = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user, bot or organisation."""

    id: int
    login: str
    type: Literal["User", "Bot", "Organization"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A repository's label; pull requests refer to it by its folded name."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request; `head_repository` is None once the fork was deleted."""

    id: int
    number: int
    title: str
    state: State
    author: str
    head_owner: str
    head_ref: str
    head_sha: str
    head_repository: str | None
    base_ref: str
    base_sha: str
    draft: bool
    merged: bool
    created_at: float
    updated_at: float
    closed_at: float | None
    labels: tuple[str, ...]
    """Folded label names, in the order in which they were added."""
    locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A GitHub App, as far as others see it."""

    id: int
    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment on a pull request; `app` is None if a person wrote it."""

    id: int
    pull: int
    author: str
    app: App | None
    body: str
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One change of a ref, newest first in the API."""

    id: int
    ref: str
    before: str
    after: str
    at: float
    type: Literal["push", "force_push", "branch_creation", "branch_deletion"]
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A webhook of a repository."""

    id: int
    url: str
    events: tuple[str, ...]
    active: bool
    at: float


@dataclass(slots=True, kw_only=True)
class Repository:
    """A repository and everything in it."""

    id: int
    owner: str
    name: str
    private: bool
    default_branch: str
    fork: bool
    created_at: float
    pushed_at: float
    branches: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    """Roles of the collaborators, by folded login."""
    activities: list[Activity] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """Give `owner/name` in canonical spelling."""
        return f"{self.owner}/{self.name}"


class World:
    """Everything that exists, with ids that never repeat."""

    def __init__(self) -> None:
        self._last_id = 1000
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.former: dict[str, Repository] = {}
        """Repositories by the folded names that they had before."""

    def next_id(self) -> int:
        """Give a fresh id."""
        self._last_id += 1
        return self._last_id

    def account(self, login: str, *, organisation: bool = False) -> Account:
        """Find or create an account; a `[bot]` suffix makes a bot."""
        known = self.accounts.get(login.lower())
        if known is None:
            kind: Literal["User", "Bot", "Organization"] = "Organization" if organisation else "User"
            known = Account(id=self.next_id(), login=login, type="Bot" if login.endswith("[bot]") else kind)
            self.accounts[login.lower()] = known
        return known

    def repository(self, full_name: str) -> Repository | None:
        """Find a repository without regard to case."""
        return self.repositories.get(full_name.lower())

    def rename(self, old: str, new: str) -> None:
        """Give a repository another name or owner; requests under the old name are redirected from now on."""
        repository = self.repositories.pop(old.lower())
        before = repository.full_name
        owner, _, repository.name = new.partition("/")
        repository.owner = self.account(owner, organisation=not repository.fork).login
        self.repositories[new.lower()] = self.former[old.lower()] = repository
        for target in self.repositories.values():
            for pull in list(target.pulls.values()):
                if pull.head_repository == before:
                    moved = replace(pull, head_repository=repository.full_name, head_owner=repository.owner)
                    target.pulls[pull.number] = moved

    def label(self, repository: Repository, name: str) -> Label:
        """Find or create a label of the repository."""
        folded = name.lower()
        if folded not in repository.labels:
            repository.labels[folded] = Label(id=self.next_id(), name=name)
        return repository.labels[folded]

    def set_labels(self, repository: Repository, number: int, names: tuple[str, ...], *, at: float) -> PullRequest:
        """Give the pull request exactly these labels; an unchanged set leaves `updated_at` alone."""
        pull = repository.pulls[number]
        folded = tuple(dict.fromkeys(self.label(repository, name).name.lower() for name in names))
        if folded != pull.labels:
            pull = replace(pull, labels=folded, updated_at=at)
            repository.pulls[number] = pull
        return pull

    def add_comment(
        self, repository: Repository, pull: int, body: str, *, author: str, app: App | None, at: float
    ) -> Comment:
        """Write a comment on the pull request."""
        comment = Comment(
            id=self.next_id(),
            pull=pull,
            author=self.account(author).login,
            app=app,
            body=body,
            created_at=at,
            updated_at=at,
        )
        repository.comments[comment.id] = comment
        return comment

    def edit_comment(self, repository: Repository, number: int, body: str, *, at: float) -> Comment:
        """Write something else in its place."""
        comment = replace(repository.comments[number], body=body, updated_at=at)
        repository.comments[number] = comment
        return comment

    def push(self, repository: Repository, branch: str, sha: str, *, actor: str, at: float, forced: bool) -> Activity:
        """Move a branch and the head of every open pull request that follows it."""
        before = repository.branches.get(branch, NULL_SHA)
        created = "branch_creation" if before == NULL_SHA else "push"
        activity = Activity(
            id=self.next_id(),
            ref=f"refs/heads/{branch}",
            before=before,
            after=sha,
            at=at,
            type="force_push" if forced else created,  # type: ignore[arg-type]
            actor=self.account(actor).login,
        )
        repository.branches[branch] = sha
        repository.pushed_at = at
        repository.activities.insert(0, activity)
        for target in self.repositories.values():
            for pull in target.pulls.values():
                follows = (pull.state, pull.head_repository, pull.head_ref) == ("open", repository.full_name, branch)
                if follows:
                    target.pulls[pull.number] = replace(pull, head_sha=sha, updated_at=at)
        return activity
