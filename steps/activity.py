"""What GitHub knows of a repository's branches, and which pushes concern tasks. Pure: asking is steps.github's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.push import RECONCILE, ZERO_SHA, Push, Repository, Sha, TaskId

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from steps.rules import PushRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One change of a ref.

    Attributes:
        sha: What the ref points at since then; zeros if it was deleted.
        at: When GitHub took it, in whole seconds.
        by: Login; empty if the account is gone.
    """

    ref: str
    sha: str
    at: datetime
    by: str


def newest_pushes(
    activities: Iterable[Activity], *, repository: Repository, senders: Collection[str], rules: PushRules
) -> Iterator[Push]:
    """The newest push of each task by one of the senders; what others push makes no agent stale.

    Args:
        activities: As GitHub lists them, newest first.
        repository: Whose they are.
        senders: Logins whose pushes count.
        rules: Which refs are task branches.
    """
    counted = {login.casefold() for login in senders}
    seen: set[str] = set()
    for activity in activities:
        match = re.fullmatch(rules.branch, activity.ref, re.ASCII)
        if not match or match.group(1) in seen or activity.sha == ZERO_SHA or activity.by.casefold() not in counted:
            continue
        seen.add(match.group(1))
        yield Push(
            repository=repository,
            task=TaskId(match.group(1)),
            ref=activity.ref,
            sha=Sha(activity.sha),
            pushed_at=activity.at,
            correlation_id=RECONCILE,
            reason=RECONCILE,
            dry_run=False,
            requested_by=RECONCILE,
        )
