"""The head's own push, for a Workflow that a person asked for, or that reconcile submitted for a head it found.

Guarantees that GitHub's time decides which runs are stale, and not the time of the request: a laptop's clock never
counts, and a run that began after the push is kept. Nothing is written here, and no Lease is held. Not guaranteed: that
GitHub lists the push at once. It is read again for some seconds.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from steps.core import LAG_S, BadInputError, ForbiddenError, read_through_lag
from steps.domain import RECONCILE_REASON, ZERO_SHA, Sha
from steps.runtime import UnreadableGitHub

if TYPE_CHECKING:
    from steps.domain import Push
    from steps.github import GitHub
    from steps.runtime import StepContext


def with_own_push(context: StepContext) -> StepContext:
    """Return the context with the push that made the requested commit the head. A push that GitHub sent stays as it is.

    If labels were left to a head, reconcile submits that head with the time of the earlier push. If GitHub does not
    list its own push, it stays as it is.

    Raises:
        BadInputError: GitHub lists no push of this commit to this branch.
        ForbiddenError: The credentials may not read the repository's contents, and the request stops only what the
            push made stale.
        UnavailableError: GitHub cannot be read, and the settings say to wait.
    """
    if context.push.reason == RECONCILE_REASON and context.push.before == ZERO_SHA:
        return _with_listed_push(context)
    if not context.push.is_request:
        return context
    with UnreadableGitHub("the time of the request counts", context=context):
        try:
            return replace(context, push=_own_push(context))
        except ForbiddenError as error:
            if not context.push.includes_newer:
                raise ForbiddenError(f"{error}, or submit with --include-newer") from error
            event = "head's own push cannot be read: the time of the request counts"
            context.log.warning(event, problem=str(error))
    return context


def _with_listed_push(context: StepContext) -> StepContext:
    found = None
    with UnreadableGitHub("the time of the earlier push counts", context=context):
        try:
            found = _listed(context.push, github=context.clients.github(lambda: None))
        except (BadInputError, ForbiddenError) as error:
            event = "head's own push cannot be read: the time of the earlier push counts"
            context.log.warning(event, problem=str(error))
    return replace(context, push=found) if found else context


def _own_push(context: StepContext) -> Push:
    push, github = context.push, context.clients.github(lambda: None)

    def lag_s(found: Push | None) -> float:
        if found:
            return 0.0
        context.log.info("GitHub does not list the push yet", sha=push.sha, branch=push.branch)
        return LAG_S

    found = read_through_lag(partial(_listed, push, github=github), lag_s=lag_s, clock=context.clock)
    if found is None:
        raise BadInputError(
            f"parameters: sha: GitHub lists no push of {push.sha[:12]} to {push.branch}: push the commit first, or "
            "give the commit of the branch's latest push"
        )
    context.log.info("head's own push found", pushed_at=found.pushed_at.isoformat(), before=found.before)
    return found


def _listed(push: Push, *, github: GitHub) -> Push | None:
    """Return the latest push of this commit, with GitHub's time and the commit that it replaced; None without one."""
    for activity in github.branch_activity(repository=push.repository, ref=push.ref):
        if activity.sha == push.sha:
            return replace(push, pushed_at=activity.at, before=Sha(activity.before))
    return None
