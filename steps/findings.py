"""What is wrong, found in a survey: pure, one rule a kind, no clock but the survey's own.

Guarantees: a task that somebody is working on (a Workflow that has not ended, a holder that is alive) is never a
finding, nor is a run that the rules of steps.decisions would keep, nor what a person's skip label stopped. At most one
finding of a task asks for a Workflow, the one that mends the most. Why each is safe to repair although it may be out of
date by then: docs/decisions/0008-reconcile.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.decisions import Action
from steps.lease import lease_name
from steps.look import Look, key_of
from steps.push import Sha
from steps.record import Labels, Phase
from steps.runs import judge, judge_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.document import Document
    from steps.ledger import Ledger
    from steps.push import Push
    from steps.record import Record
    from steps.runs import Run
    from steps.settings import ReconcileSettings
    from steps.survey import Survey


class Kind(StrEnum):
    """What is wrong. Those before ORPHANED_LOCK are mended by a Workflow, the one that mends the most first."""

    LOST_PUSH = "lost-push"
    STUCK = "stuck"
    FAILED = "failed"
    LIVE_STALE = "live-stale-run"
    HALF_MOVED = "half-moved-labels"
    ORPHANED_LOCK = "orphaned-lock"
    STRAY_FLAG = "stray-flag"
    CORRUPT_STATE = "corrupt-state"
    UNREADABLE_RECORD = "unreadable-record"
    WRONG_CLOCK = "wrong-clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        ledger: The task's Lease; None if it has none.
        push: What to submit a Workflow for; None where no Workflow mends it.
        document: The state document that is meant; None for none.
        detail: What was seen.
        advice: What a person can do; empty where it mends itself.
    """

    kind: Kind
    task: str
    repository: str
    ledger: Ledger | None = None
    push: Push | None = None
    document: Document | None = None
    detail: str
    advice: str = ""


def find(survey: Survey, *, settings: ReconcileSettings) -> tuple[Finding, ...]:
    """Everything that is wrong, gravest first."""
    look = Look.at(survey, settings=settings)
    found = [*_lost_pushes(look)]
    lost = {key_of(finding.repository, finding.task) for finding in found}
    for ledger in survey.ledgers:
        found += [
            each
            for each in _at(ledger, look=look)
            if each.push is None or key_of(each.repository, each.task) not in lost
        ]
    mended = {finding.task for finding in found if finding.push}
    for document in survey.documents:
        found += _at_document(document, look=look, mended=mended)
    order = {kind: number for number, kind in enumerate(Kind)}
    return tuple(sorted(found, key=lambda each: (order[each.kind], each.repository, each.task.zfill(9))))


def _lost_pushes(look: Look) -> Iterator[Finding]:
    """Pushes that GitHub knows of, that no Workflow came for, and that agents still work against."""
    before = look.ago(look.settings.reconcile.lost_after_s)
    for push in look.survey.pushes:
        stale = [run for run in look.runs.get(key_of(push.repository, push.task), ()) if _is_stale_for(push, run)]
        if not stale or push.pushed_at > before or look.is_busy(push.task, push.repository):
            continue
        ledgers = look.ledgers.get(push.task, ())
        if any(ledger.problem for ledger in ledgers):
            continue
        name = lease_name(repository=push.repository, task=push.task)
        own = next((each for each in ledgers if each.name == name), None)
        if own is None or (_is_unknown_to(own.record, push) and not look.is_held(own)):
            yield Finding(
                kind=Kind.LOST_PUSH,
                task=push.task,
                repository=push.repository,
                ledger=own,
                push=push,
                detail=f"no Workflow came for {push.sha[:12]}, pushed {push.pushed_at.isoformat()}; still at work: "
                + _names(stale),
            )


def _at(ledger: Ledger, *, look: Look) -> Iterator[Finding]:
    """What is wrong with a task, going by its Lease."""
    if ledger.problem:
        yield _of(ledger, Kind.UNREADABLE_RECORD, detail=ledger.problem, advice=ledger.problem.rpartition(": ")[2])
        return
    if look.is_ahead(ledger):
        yield _of(
            ledger,
            Kind.WRONG_CLOCK,
            detail=f"last renewed in the future, at {ledger.renewed_at}",
            advice="set the clock of the node that ran the task's last pod",
        )
    record = ledger.record
    if look.is_busy(ledger.task, ledger.repository) or look.is_held(ledger):
        return
    if record and not record.finished:
        yield from _unfinished(ledger, record, look=look)
    elif ledger.holder and look.is_silent(ledger, 2 * look.settings.lease.duration_s):
        yield _of(ledger, Kind.ORPHANED_LOCK, detail=f"held by {ledger.holder}, which is gone")
    elif record and not ledger.holder and record.labels is not Labels.SKIPPED:
        yield from _badly_finished(ledger, record, look=look)


def _unfinished(ledger: Ledger, record: Record, *, look: Look) -> Iterator[Finding]:
    if record.phase is Phase.FAILED:
        last = record.errors[-1] if record.errors else "no reason given"
        yield _of(ledger, Kind.FAILED, push=record.push, detail=f"failed, and no Workflow goes on: {last}")
    elif look.is_silent(ledger, look.settings.reconcile.stuck_after_s):
        detail = f"in progress since {record.started_at.isoformat()}, and nobody is at work"
        yield _of(ledger, Kind.STUCK, push=record.push, detail=detail)


def _badly_finished(ledger: Ledger, record: Record, *, look: Look) -> Iterator[Finding]:
    runs = look.runs.get(key_of(record.push.repository, record.push.task), ())
    if stale := [run for run in runs if judge_for(record, run).action is Action.CANCEL]:
        yield _of(ledger, Kind.LIVE_STALE, push=record.push, detail=f"completed, but still at work: {_names(stale)}")
    elif record.labels is Labels.UNREADABLE:
        yield _of(ledger, Kind.HALF_MOVED, push=record.push, detail="GitHub could not be read: labels stayed")
    elif record.labels is Labels.HEAD_MOVED and look.is_silent(ledger, look.settings.reconcile.lost_after_s):
        left = replace(record.push, sha=Sha(record.left_to))
        detail = f"labels were left to {record.left_to[:12]}, whose push never came"
        yield _of(ledger, Kind.HALF_MOVED, push=left, detail=detail)


def _at_document(document: Document, *, look: Look, mended: set[str]) -> Iterator[Finding]:
    """What is wrong with a state document; `mended` are tasks for which a Workflow will come anyway."""
    ledgers = look.ledgers.get(document.task, ())
    newest = max(ledgers, key=lambda each: each.epoch, default=None)
    finding = Finding(
        kind=Kind.CORRUPT_STATE,
        task=document.task,
        repository=newest.repository if newest else "",
        ledger=newest,
        document=document,
        detail=f"the document in ConfigMap {document.name} is not a JSON object",
        advice="correct it by hand; a copy stands in the quarantine key beside it",
    )
    if document.corrupt:
        yield finding
    if not document.flag or document.task in mended or any(task == document.task for task, _ in look.survey.busy):
        return
    at_work = [each for each in ledgers if each.problem or look.is_held(each) or not _is_finished(each)]
    quiet = document.updated_at is None or document.updated_at <= look.ago(look.settings.reconcile.stuck_after_s)
    if quiet and not at_work:
        detail = f"ConfigMap {document.name} says that a cancellation is in progress, and none is"
        yield replace(finding, kind=Kind.STRAY_FLAG, detail=detail, advice="")


def _is_finished(ledger: Ledger) -> bool:
    return ledger.record is None or ledger.record.finished


def _of(ledger: Ledger, kind: Kind, *, push: Push | None = None, detail: str, advice: str = "") -> Finding:
    return Finding(
        kind=kind,
        task=ledger.task,
        repository=ledger.repository,
        ledger=ledger,
        push=push,
        detail=detail,
        advice=advice,
    )


def _is_stale_for(push: Push, run: Run) -> bool:
    verdict = judge(run, repository=push.repository, mark=push.pushed_at, head_sha=push.sha)
    return verdict.action is Action.CANCEL


def _is_unknown_to(record: Record | None, push: Push) -> bool:
    """Whether a record is of an earlier push. GitHub's two times of one push may differ by a second: the SHA tells."""
    return record is None or (push.sha != record.push.sha and push.pushed_at > record.push.pushed_at)


def _names(runs: list[Run]) -> str:
    shown = ", ".join(run.name for run in runs[:3])
    return shown if len(runs) <= 3 else f"{shown} and {len(runs) - 3} more"  # noqa: PLR2004 - one line of a log
