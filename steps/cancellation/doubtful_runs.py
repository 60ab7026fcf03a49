"""Runs that look stale and may work on the new code: GitHub's list of pushes decides before they are stopped.

Guarantees at most one request, and none if no run is in doubt. Two kinds of runs are. The time in a webhook is that of
the repository's latest push when GitHub built the payload: a run that began less than a minute before it may be newer
than the push. And a branch may have been forced back to a replaced commit while no pull request shows its head: a run
that names this commit and began after the push may work on the head. Not covered: a payload that GitHub built more
than a minute after the push.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from steps.agents import decide_all
from steps.cancellation.claim import measured_watermark
from steps.domain import find_listed, is_head_listed_newer
from steps.pull_request import list_pushes
from steps.runtime import UnreadableGitHub

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steps.agents import AgentRun
    from steps.domain import ListedPush, Record
    from steps.runtime import StepContext

_LATE_PAYLOAD = timedelta(minutes=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


def settle_doubt(
    record: Record,
    *,
    runs: Sequence[AgentRun],
    stored: Record | None,
    context: StepContext,
    while_waiting: Callable[[], None],
    offset_s: float | None,
) -> Record:
    """Return the record with the push's own time and the branch's head, if a run is in doubt.

    Args:
        record: The record with the measured watermark.
        runs: The task's runs.
        stored: The record before it; None if there was none.
        context: The step.
        while_waiting: Renews the Lease.
        offset_s: Seconds by which the API server's clock is ahead of GitHub's; None if this is not known.

    Raises:
        UnavailableError: A run is in doubt, GitHub cannot be read, and the settings say to wait.
    """
    if record.push.ends or record.push.is_request:
        return record
    stale = decide_all(runs, record=record).stale
    after = [run for run in stale if run.facts.created_at > record.watermark]
    young = [
        run
        for run in stale
        if not run.facts.sha and record.watermark - _LATE_PAYLOAD < run.facts.created_at <= record.watermark
    ]
    no_head = after and record.pull_request is None
    if not young and not no_head:
        return record
    listed: Sequence[ListedPush] = ()
    with UnreadableGitHub("runs in doubt count as stale", context=context):
        github = context.clients.github(while_waiting)
        listed = list_pushes(record.push, github=github, log=context.log)
    if no_head and listed and is_head_listed_newer(listed[0].sha, push=record.push, listed=listed):
        context.log.info("branch has moved since the push, its head is kept", head=listed[0].sha)
        record = replace(record, left_to=listed[0].sha)
    if not young:
        return record
    earliest = stored.watermark if stored else _NEVER
    return _with_own_time(record, listed=listed, earliest=earliest, context=context, offset_s=offset_s)


def _with_own_time(
    record: Record, *, listed: Sequence[ListedPush], earliest: datetime, context: StepContext, offset_s: float | None
) -> Record:
    """Lower the watermark to the push's own time, but not below `earliest`."""
    own = find_listed(record.push, listed=listed)
    if own is None or own.at >= record.push.pushed_at:
        return record
    context.log.info("webhook has a later time than the push", pushed_at=own.at.isoformat())
    record = replace(record, push=replace(record.push, pushed_at=own.at), watermark=earliest)
    return replace(record, watermark=measured_watermark(record, context=context, offset_s=offset_s))
