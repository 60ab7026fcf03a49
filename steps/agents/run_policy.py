"""Judges one agent run by the policy of its kind, and by a record or a push. Pure.

Guarantees that the rules are those of `steps.domain.run_decision`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain import ZERO_SHA, AgentPolicy, RunDecision, decide_run, names_commit, push_watermark

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from steps.agents.agent_run import AgentRun
    from steps.domain import Push, Record


def decide_by_kind(
    run: AgentRun,
    *,
    repository: str,
    branch: str,
    watermark: datetime,
    head_sha: str,
    older: Collection[str] = (),
    other_heads: Collection[str] = (),
    shared: bool = False,
) -> RunDecision:
    """Judge a run by the policy of its kind. `decide_run` has the rules."""
    kind = run.kind
    policy = AgentPolicy(
        cancellable=kind.cancellable, exempt=kind.exempt, finished=kind.finished, restartable=kind.restartable
    )
    return decide_run(
        run.facts,
        policy=policy,
        repository=repository,
        branch=branch,
        watermark=watermark,
        head_sha=head_sha,
        older=older,
        other_heads=other_heads,
        shared=shared,
    )


def decide_by_record(record: Record, run: AgentRun) -> RunDecision:
    """Judge a run by the repository, the watermark, the heads and the older commits of a record."""
    head, push = record.head_sha, record.push
    older = {*record.older, str(push.before)} - {ZERO_SHA, head}
    if push.ends and (record.finished or not run.kind.restartable):
        # A run that began after the end, or was started again after it, works on a branch that lives again.
        older.discard(str(push.before))
    return decide_by_kind(
        run,
        repository=record.push.repository,
        branch=record.push.branch,
        watermark=record.watermark,
        head_sha=head,
        older=older,
        other_heads={str(each.push.sha) for each in record.branches} | set(record.open_heads or ()),
        shared=_is_shared(record, run),
    )


def _is_shared(record: Record, run: AgentRun) -> bool:
    """Whether a run may work for another branch than the one that has ended: it names neither it nor its commits."""
    if not record.open_heads or run.facts.branch:
        return False
    return not names_commit(run.facts.sha, {*record.older, str(record.push.before)})


def decide_by_push(push: Push, run: AgentRun) -> RunDecision:
    """Judge a run by a push that no Workflow has claimed. The difference of the clocks is not known."""
    return decide_by_kind(
        run,
        repository=push.repository,
        branch=push.branch,
        watermark=push_watermark(created_at=None, pushed_at=push.pushed_at, offset_s=0.0),
        head_sha=push.sha,
        older={str(push.before)} - {ZERO_SHA},
    )
