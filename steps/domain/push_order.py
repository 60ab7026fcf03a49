"""Which of two pushes to a task is the newer one.

Guarantees: the order is that of the commits where the pushes name them; GitHub's times decide the rest. No clock of the
cluster takes part. Reasons: docs/decisions/0001-watermark.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain.push import ZERO_SHA

if TYPE_CHECKING:
    from collections.abc import Collection

    from steps.domain.push import Push
    from steps.domain.record import Record

# More pushes than this within the seconds by which GitHub lags are not to be expected.
MAX_OLDER = 10


def is_newer(push: Push, *, than: Push) -> bool:
    """Whether a push came after another one of the same ref.

    The chain of commits tells first: the other's commit is the one that this push replaced, or the other way round. The
    same commit is the same push, whatever its time says, unless both pushes are known to have replaced different
    commits. Where the chain is silent GitHub's own times decide; no other clock does.
    """
    known = ZERO_SHA not in (push.before, than.before)
    if push.sha == than.sha and not (known and push.before != than.before):
        return False
    if than.sha != push.sha == than.before and push.before != than.sha:
        return False
    return (push.before == than.sha != push.sha) or push.pushed_at > than.pushed_at


def known_older(record: Record, *, push: Push) -> tuple[str, ...]:
    """Commits that the recorded push had replaced, with its own, once this push has taken over; the newest last."""
    replaced = (*record.older, str(record.push.before), str(record.push.sha))
    return tuple(dict.fromkeys(sha for sha in replaced if sha not in (ZERO_SHA, push.sha)))[-MAX_OLDER:]


def is_known_older(sha: str, *, push: Push, older: Collection[str] = ()) -> bool:
    """Whether a commit is known to be older than the push.

    GitHub's answers lag its webhooks by seconds: a pull request may still show a commit that was replaced.

    Args:
        sha: The commit.
        push: The push; it names the commit that it replaced.
        older: Commits that earlier pushes had replaced, as the record knows them.
    """
    return sha in {str(push.before), *older} - {ZERO_SHA, str(push.sha)}
