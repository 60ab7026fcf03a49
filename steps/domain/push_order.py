"""Decides which of two pushes to a task is newer.

Guarantees that the commits decide if the pushes name them, and that otherwise GitHub's times decide. The times also
decide if the commits contradict each other, because a branch was forced back to an earlier commit. If the commits and
the times contradict each other, the order is doubtful: GitHub's list of the branch's pushes then decides. No clock of
the cluster is used. The reasons are in docs/decisions/0001-watermark.md.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from steps.domain.push import ZERO_SHA

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from steps.domain.push import Push
    from steps.domain.record import FinishedPush, Record

# GitHub's answers lag by seconds. More pushes than this are not expected within that time.
MAX_OLDER = 10
# GitHub's webhook and its list of pushes may give one push two times, a second apart.
_SAME_PUSH = timedelta(seconds=2)


class ListedPush(Protocol):
    """A push as GitHub lists it, with the commit that it replaced and its own time."""

    @property
    def before(self) -> str:
        """The commit that it replaced; zeros if it created the branch."""

    @property
    def sha(self) -> str:
        """Its commit; zeros if it deleted the branch."""

    @property
    def at(self) -> datetime:
        """Its time at GitHub."""


def is_newer(push: Push, *, than: Push) -> bool:
    """Whether a push came after another one to the same ref.

    The chain of commits decides first: one push replaced the commit of the other. Two pushes of the same commit are the
    same push at any time, unless this one names a commit that it replaced, and the other one names another or none: a
    branch was forced back. If the chain does not decide, GitHub's times do. So a push that is taken for a newer one by
    mistake makes only those runs stale that were created before it. If each push replaced the commit of the other, the
    branch was forced back, and the times decide. A branch can end again with the same commit: GitHub's times decide.

    Args:
        push: The push in question.
        than: The push to compare it with.
    """
    if push.before == than.sha != push.sha == than.before and not (push.ends or than.ends):
        return push.pushed_at > than.pushed_at
    if push.sha == than.sha and push.before in (ZERO_SHA, than.before) and not push.ends:
        return False
    if than.sha != push.sha == than.before and push.before != than.sha and not push.ends:
        return False
    return (push.before == than.sha != push.sha and not than.ends) or push.pushed_at > than.pushed_at


def is_newer_than_known(push: Push, *, known: Record | FinishedPush) -> bool:
    """Whether a push came after the recorded push of its branch.

    If reconcile submits the head that labels were left to, nobody knows which commit that push replaced, and its time
    is that of an earlier push. A push that replaced a commit which is known to be older than that head came before it.

    A push that replaced the recorded commit by one that was replaced before is either a branch that was forced back, or
    an old webhook that came again. GitHub's times decide.

    Args:
        push: The push in question.
        known: The record, or the latest finished push of the branch.
    """
    if known.push.before == ZERO_SHA and push.sha != known.push.sha and push.before in known.older:
        return False
    if push.sha in known.older and push.before == known.push.sha != ZERO_SHA:
        return push.pushed_at > known.push.pushed_at
    return is_newer(push, than=known.push)


def may_be_newer(push: Push, *, known: Record | FinishedPush) -> bool:
    """Whether a push is newer than the recorded push of its branch, or may be.

    If the commits and the times contradict each other, it may be newer by its time, and only GitHub's list can decide.

    Args:
        push: The push in question.
        known: The record, or the latest finished push of the branch.
    """
    if is_newer_than_known(push, known=known):
        return True
    return is_order_doubtful(push, known=known.push, older=known.older) and push.pushed_at > known.push.pushed_at


def is_order_doubtful(push: Push, *, known: Push, older: Collection[str] = ()) -> bool:
    """Whether the commits of two pushes of one branch say one thing, and GitHub's times the other.

    The time in a webhook is that of the repository's latest push when GitHub built the payload, so it can be late. And
    a commit that was replaced can come back: a branch is forced back past a push that nobody recorded, or is deleted
    and created again. An end that comes again is not doubtful: pull requests that are closed are not in GitHub's list.

    Args:
        push: The push in question.
        known: The recorded push of its branch.
        older: Commits that are known to be older than the recorded push.
    """
    if push.sha == known.sha and push.before in (ZERO_SHA, known.before):
        return push.pushed_at - known.pushed_at > _SAME_PUSH and not push.ends
    if known.before == ZERO_SHA and push.before in older:
        return push.pushed_at > known.pushed_at
    follows = push.before == known.sha != ZERO_SHA
    precedes = push.sha == known.before != ZERO_SHA
    if follows == precedes:
        return False
    return push.pushed_at < known.pushed_at if follows else push.pushed_at > known.pushed_at


def is_listed_newer(push: Push, *, than: Push, listed: Sequence[ListedPush]) -> bool | None:
    """Whether GitHub lists a push after another one of the branch; None if it does not list both.

    Args:
        push: The push in question.
        than: The push to compare it with.
        listed: GitHub's list of the branch's pushes, the newest first.
    """
    one, other = _place(push, listed=listed), _place(than, listed=listed)
    return None if one is None or other is None else one < other


def is_head_listed_newer(head: str, *, push: Push, listed: Sequence[ListedPush]) -> bool | None:
    """Whether GitHub lists a later push of this commit than the push; None if the list does not tell.

    Args:
        head: The commit that GitHub shows as the head.
        push: The push.
        listed: GitHub's list of the branch's pushes, the newest first.
    """
    own = _place(push, listed=listed)
    shown = next((number for number, each in enumerate(listed) if each.sha == head), None)
    if own is not None and shown is not None:
        return shown < own
    if own is not None:
        return False if any(each.before == head for each in listed) else None
    return True if shown == 0 and listed[0].at > push.pushed_at else None


def find_listed(push: Push, *, listed: Sequence[ListedPush]) -> ListedPush | None:
    """Return a push as GitHub lists it; None if it does not.

    Args:
        push: The push.
        listed: GitHub's list of the branch's pushes, the newest first.
    """
    place = _place(push, listed=listed)
    return None if place is None else listed[place]


def _place(push: Push, *, listed: Sequence[ListedPush]) -> int | None:
    """Return the place of a push in GitHub's list. Of several between the same commits, the nearest in time counts."""
    places = [
        (abs(each.at - push.pushed_at), number)
        for number, each in enumerate(listed)
        if each.sha == push.sha and push.before in (ZERO_SHA, each.before)
    ]
    return min(places)[1] if places else None


def known_older(record: Record | FinishedPush, *, push: Push) -> tuple[str, ...]:
    """Return the commits that are older than a push that takes over the record, the newest last.

    These are the commit of the recorded push and the commits that it replaced. The last commit of a branch that ends is
    not older: after a pull request is opened again, an agent may work on it.
    """
    replaced = (*record.older, str(record.push.before), str(record.push.sha))
    return tuple(dict.fromkeys(sha for sha in replaced if sha not in (ZERO_SHA, push.newest_commit)))[-MAX_OLDER:]


def is_known_older(sha: str, *, push: Push, older: Collection[str] = ()) -> bool:
    """Whether a commit is known to be older than the push.

    GitHub's answers lag its webhooks by seconds. A pull request may still show a commit that was replaced.

    Args:
        sha: The commit.
        push: The push. It names the commit that it replaced.
        older: Commits that earlier pushes replaced, from the record.
    """
    return sha in {str(push.before), *older} - {ZERO_SHA, str(push.newest_commit)}
