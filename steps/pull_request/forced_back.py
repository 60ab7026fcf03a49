"""Whether a branch was forced back to a commit that a push replaced.

The pull request then shows that commit as its head, exactly as it does while GitHub's answers lag the webhook. GitHub's
list of the branch's pushes tells the two apart. Guarantees one request, and only if the head is known to be older.
Not guaranteed: that GitHub lists a push at once. Until it does, the head counts as out of date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import BadInputError, ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.domain import Push
    from steps.github import Activity, GitHub
    from steps.telemetry import Log


def is_forced_back(head: str, *, push: Push, github: GitHub, log: Log) -> bool:
    """Whether GitHub lists a push of this commit after a push that replaced it. Only GitHub's times count.

    Args:
        head: Head that the pull request shows, a commit older than the push.
        push: The push.
        github: GitHub.
        log: Gets the result.

    Raises:
        UnavailableError: GitHub cannot be read.
    """
    try:
        found = github.branch_activity(repository=push.repository, ref=push.ref)
    except (BadInputError, ForbiddenError) as error:
        # An older GitHub Enterprise Server has no list of pushes; a token may lack access to contents.
        log.warning("cannot tell whether the branch was forced back: the push counts as the head", problem=str(error))
        return False
    if _is_back(found, head=head, push=push):
        log.info("branch was forced back to an older commit, waiting for its push", head=head)
        return True
    log.info("GitHub still shows an older head: the push counts as the head", push=push.sha)
    return False


def _is_back(found: Sequence[Activity], *, head: str, push: Push) -> bool:
    """Whether the latest of the listed pushes, the first, replaced the push by this head.

    GitHub's times are whole seconds. Of two pushes of one second, the order of the list decides, if it has both.
    """
    if not found or found[0].sha != head:
        return False
    both_listed = len(found) > 1 and found[0].before == found[1].sha == push.sha
    return found[0].at > push.pushed_at or (both_listed and found[0].at == push.pushed_at)
