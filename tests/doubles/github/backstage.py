"""The set-up of a world, and the actions of people and agents in it, for tests and the demo.

Guarantees: each handle is atomic with respect to requests. Does not: check permissions.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.doubles.github.access import Access, Installation
from tests.doubles.github.permissions import EVERYTHING, Permissions, Principal
from tests.doubles.github.world import Activity, Comment, Hook, PullRequest, Repository, Role, State, World

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable


class Backstage:
    """The world and its credentials, with one lock around both."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.world = World()
        self.access = Access(clock=clock)

    def add_repository(
        self,
        full_name: str,
        *,
        private: bool = False,
        labels: Iterable[str] = (),
        default_branch: str = "main",
        fork: bool = False,
    ) -> Repository:
        """Create a repository with labels; its owner is an organisation unless known as something else."""
        owner, _, name = full_name.partition("/")
        with self._lock:
            now = self._clock()
            repository = Repository(
                id=self.world.next_id(),
                owner=self.world.account(owner, organisation=not fork).login,
                name=name,
                private=private,
                default_branch=default_branch,
                fork=fork,
                created_at=now,
                pushed_at=now,
            )
            self.world.repositories[full_name.lower()] = repository
            for label in labels:
                self.world.label(repository, label)
            return repository

    def add_pull_request(
        self,
        *,
        head: str,
        sha: str,
        repository: str | None = None,
        head_repository: str | None = None,
        number: int | None = None,
        labels: Collection[str] = (),
        state: State = "open",
        base: str = "main",
        draft: bool = False,
        author: str = "5DLabs-Rex[bot]",
        title: str = "",
    ) -> PullRequest:
        """Open a pull request from a branch of the repository, or of `head_repository`, a fork."""
        with self._lock:
            target = self._repository(repository)
            source = target if head_repository is None else self._repository(head_repository)
            now = self._clock()
            number = number or max(target.pulls, default=0) + 1
            source.branches[head] = sha
            target.pulls[number] = PullRequest(
                id=self.world.next_id(),
                number=number,
                title=title or f"Work on {head}",
                state=state,
                author=self.world.account(author).login,
                head_owner=source.owner,
                head_ref=head,
                head_sha=sha,
                head_repository=source.full_name,
                base_ref=base,
                base_sha=target.branches.setdefault(base, "b" * 40),
                draft=draft,
                merged=False,
                created_at=now,
                updated_at=now,
                closed_at=now if state == "closed" else None,
                labels=(),
            )
            return self.world.set_labels(target, number, tuple(labels), at=now)

    def add_token(
        self,
        token: str,
        *,
        login: str = "automation",
        permissions: Permissions = EVERYTHING,
        repositories: Collection[str] | None = None,
        expires_at: float | None = None,
    ) -> str:
        """Accept a personal token, by default for everything and for ever; gives it back."""
        with self._lock:
            principal = Principal(
                kind="user",
                id=self.world.account(login).login,
                permissions=permissions,
                repositories=_folded(repositories),
                expires_at=expires_at,
            )
            self.access.add_token(token, principal)
        return token

    def add_app(
        self,
        *,
        app_id: int | str,
        installation_id: int,
        public_key: str,
        slug: str = "agent-cancellation",
        permissions: Permissions = EVERYTHING,
        repositories: Collection[str] | None = None,
        events: Iterable[str] = (),
    ) -> None:
        """Register a GitHub App by its public key (PEM) and install it; `events` are those of its own webhook."""
        with self._lock:
            self.access.add_app(app_id=str(app_id), public_key=public_key)
            installation = Installation(
                id=installation_id,
                app_id=str(app_id),
                slug=slug,
                permissions=permissions,
                repositories=_folded(repositories),
                events=tuple(events),
            )
            self.access.add_installation(installation)

    def add_hook(
        self, repository: str, *, events: Iterable[str], url: str = "https://hooks.example.com/", active: bool = True
    ) -> None:
        """Add a webhook to a repository."""
        with self._lock:
            hook = Hook(id=self.world.next_id(), url=url, events=tuple(events), active=active, at=self._clock())
            self.world.repositories[repository.lower()].hooks.append(hook)

    # What people and agents do meanwhile.

    def push(
        self,
        branch: str,
        sha: str,
        *,
        repository: str | None = None,
        actor: str = "5DLabs-Rex[bot]",
        forced: bool = False,
    ) -> Activity:
        """Move a branch, and with it the head of its open pull requests."""
        with self._lock:
            target = self._repository(repository)
            return self.world.push(target, branch, sha, actor=actor, at=self._clock(), forced=forced)

    def labels(self, number: int, *, repository: str | None = None) -> tuple[str, ...]:
        """Give a pull request's labels, in canonical spelling."""
        with self._lock:
            target = self._repository(repository)
            return tuple(target.labels[name].name for name in target.pulls[number].labels)

    def edit_labels(
        self, number: int, *, add: Collection[str] = (), remove: Collection[str] = (), repository: str | None = None
    ) -> None:
        """Edit labels as a person would, by hand."""
        with self._lock:
            gone = {name.lower() for name in remove}
            kept = [name for name in self.labels(number, repository=repository) if name.lower() not in gone]
            self.world.set_labels(self._repository(repository), number, (*kept, *add), at=self._clock())

    def comments(self, number: int, *, repository: str | None = None) -> tuple[Comment, ...]:
        """Give a pull request's comments, the oldest first."""
        with self._lock:
            found = self._repository(repository).comments.values()
            return tuple(comment for comment in found if comment.pull == number)

    def add_comment(self, number: int, body: str, *, author: str, repository: str | None = None) -> Comment:
        """Write a comment as a person would."""
        with self._lock:
            target = self._repository(repository)
            return self.world.add_comment(target, number, body, author=author, app=None, at=self._clock())

    def delete_comment(self, comment: int, *, repository: str | None = None) -> None:
        """Delete a comment as a person would."""
        with self._lock:
            del self._repository(repository).comments[comment]

    def give_role(self, login: str, role: Role | None, *, repository: str | None = None) -> None:
        """Make an account a collaborator with this role, or none."""
        with self._lock:
            roles = self._repository(repository).roles
            roles.pop(login.lower(), None)
            if role is not None:
                roles[self.world.account(login).login.lower()] = role

    def lock(self, number: int, *, repository: str | None = None) -> None:
        """Lock a pull request's conversation."""
        with self._lock:
            target = self._repository(repository)
            target.pulls[number] = replace(target.pulls[number], locked=True)

    def rename_repository(self, old: str, new: str) -> None:
        """Rename a repository, or transfer it to another owner."""
        with self._lock:
            self.world.rename(old, new)

    def delay_new_tokens(self, seconds: float, *, status: int = 401) -> None:
        """Refuse the installation tokens that are made from now on, for so long: replicas learn of them late."""
        with self._lock:
            self.access.delay_new_tokens(seconds, status=status)

    def repository(self, full_name: str | None = None) -> Repository:
        """Return a repository; without a name, the only one that is not a fork."""
        with self._lock:
            return self._repository(full_name)

    def pull_request(self, number: int, *, repository: str | None = None) -> PullRequest:
        """Return a pull request."""
        with self._lock:
            return self._repository(repository).pulls[number]

    def close(self, number: int, *, merged: bool = False, repository: str | None = None) -> None:
        """Close or merge a pull request."""
        with self._lock:
            target, now = self._repository(repository), self._clock()
            closed = replace(target.pulls[number], state="closed", merged=merged, closed_at=now, updated_at=now)
            target.pulls[number] = closed

    def reopen(self, number: int, *, repository: str | None = None) -> None:
        """Open a closed pull request again; its head is then where its branch is now."""
        with self._lock:
            target, now = self._repository(repository), self._clock()
            closed = target.pulls[number]
            source = self.world.repository(closed.head_repository or "")
            head = source.branches.get(closed.head_ref, closed.head_sha) if source else closed.head_sha
            target.pulls[number] = replace(closed, state="open", closed_at=None, head_sha=head, updated_at=now)

    def show_head(self, number: int, sha: str, *, repository: str | None = None) -> None:
        """Show a commit as a pull request's head until the next push: answers lag behind the branch."""
        with self._lock:
            target = self._repository(repository)
            target.pulls[number] = replace(target.pulls[number], head_sha=sha)

    def delete_repository(self, full_name: str) -> None:
        """Delete a repository; pull requests from it keep their head but lose its repository."""
        with self._lock:
            gone = self.world.repositories.pop(full_name.lower())
            for target in self.world.repositories.values():
                for pull in list(target.pulls.values()):
                    if pull.head_repository == gone.full_name:
                        target.pulls[pull.number] = replace(pull, head_repository=None)

    def _repository(self, full_name: str | None) -> Repository:
        if full_name is None:
            originals = [known for known in self.world.repositories.values() if not known.fork]
            if len(originals) != 1:
                raise LookupError(f"there are {len(originals)} repositories: say which one is meant")
            return originals[0]
        found = self.world.repository(full_name)
        if found is None:
            raise LookupError(f"no repository {full_name}")
        return found


def _folded(names: Collection[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(name.lower() for name in names)
