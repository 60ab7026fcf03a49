"""Mending one finding. Whatever changes a task goes through its lock: a Workflow of cancel-agents, or the Lease itself.

Guarantees that a repair which is repeated, by a crash or by a second reconcile, is one: a Workflow is named after the
Lease's epoch and try, a record is reopened and a flag cleared only if they still are as they were found, and a lock is
freed by compare-and-swap on what was found. Nothing is deleted here but a hold, and no label is touched.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from steps import events, state, tries
from steps.clock import stamp
from steps.errors import ConflictError, NotFoundError, StepError
from steps.hold import REPOSITORY, repository_label
from steps.kube import CONFIG_MAPS, LEASES, WORKFLOWS
from steps.lease import lease_name
from steps.plan import Action
from steps.push import RECONCILE
from steps.record import Phase
from steps.why import Cause, Why
from steps.workflow import REPAIR, workflow

if TYPE_CHECKING:
    from steps.findings import Finding
    from steps.hold import Hold
    from steps.ledger import Ledger
    from steps.plan import Intent
    from steps.record import Record
    from steps.sweep import Sweep


def mend(intent: Intent, *, sweep: Sweep) -> None:
    """Do what was planned.

    Raises:
        StepError: It could not be done; the next pass finds it again.
    """
    finding = intent.finding
    match intent.action:
        case Action.SUBMIT:
            _submit(finding, sweep=sweep)
        case Action.REOPEN:
            if reopened := _reopen(finding, sweep=sweep):
                _submit(replace(finding, ledger=reopened), sweep=sweep)
        case Action.FREE:
            _free(_known(finding.ledger), sweep=sweep)
        case Action.CLEAR:
            _clear(finding, sweep=sweep)
        case Action.SET_ASIDE:
            _change_document(finding, None, sweep=sweep)
        case Action.HAND_OVER:
            _call(intent, sweep=sweep)
        case Action.WAIT | Action.REPORT:
            return


def count(intent: Intent, *, sweep: Sweep) -> None:
    """Count a try of the task, if this is about more than its state document."""
    finding = intent.finding
    if finding.document:
        return
    if ledger := finding.ledger:
        tries.count(ledger.name, of=finding.push, after=ledger.tries, what=finding.kind, sweep=sweep)
    elif push := finding.push:
        name = lease_name(repository=push.repository, task=push.task)
        tries.count(name, of=push, after=tries.Tries(), what=finding.kind, sweep=sweep)


def repair_id(lease: str, *, epoch: int, attempt: int, sha: str) -> str:
    """What a repair is called: the same as long as nothing has happened to the task since it was found."""
    return f"repair-{hashlib.sha256(lease.encode()).hexdigest()[:10]}-e{epoch}-t{attempt}-{sha[:8]}"


def _known(ledger: Ledger | None) -> Ledger:
    if ledger is None:
        raise AssertionError("this kind of finding has a Lease")
    return ledger


def _submit(finding: Finding, *, sweep: Sweep) -> None:
    push, ledger = finding.push, finding.ledger
    if push is None:
        raise AssertionError("this kind of finding has a push")
    name = lease_name(repository=push.repository, task=push.task)
    correlation_id = repair_id(
        name, epoch=ledger.epoch if ledger else 0, attempt=ledger.tries.total if ledger else 0, sha=push.sha
    )
    labels = {REPAIR: "true", REPOSITORY: repository_label(push.repository)}
    values = {
        "repository": str(push.repository),
        "task-id": str(push.task),
        "ref": push.ref,
        "sha": str(push.sha),
        "pushed-at": str(int(push.pushed_at.timestamp())),
        "correlation-id": correlation_id,
        "reason": RECONCILE,
        "dry-run": "false",
        "requested-by": RECONCILE,
    }
    wanted = workflow(values, settings=sweep.settings, labels=labels)
    try:
        home = sweep.settings.namespaces.workflows
        sweep.kube.create(WORKFLOWS, namespace=home, body=wanted, why=_why(finding, Cause.REPAIR))
    except ConflictError:
        sweep.log.info("repair was submitted before", workflow=wanted["metadata"]["name"])
    else:
        sweep.log.info("repair submitted", workflow=wanted["metadata"]["name"], task=push.task, finding=finding.kind)


def _hold(record: Record, *, to: Record, sweep: Sweep) -> Hold | None:
    """Take the task's Lease if it is free and its record still the one that was found."""

    def unchanged(stored: Record | None) -> Record | None:
        return to if stored == record else None

    return sweep.context(record.push).lease().acquire(unchanged)


def _reopen(finding: Finding, *, sweep: Sweep) -> Ledger | None:
    """Make a finished record an unfinished one, so that its own push is not superseded by it."""
    ledger = _known(finding.ledger)
    if ledger.record is None:
        return None
    failed = replace(ledger.record, phase=Phase.FAILED, finished_at=sweep.now())
    failed = failed.with_error(f"reconcile: {finding.kind}: {finding.detail}")
    hold = _hold(ledger.record, to=failed, sweep=sweep)
    if hold is None:
        return None
    hold.release(failed)
    return replace(ledger, epoch=hold.epoch)


def _why(finding: Finding, cause: Cause) -> Why:
    epoch = finding.ledger.epoch if finding.ledger else None
    return Why(cause=cause, epoch=epoch, detail=finding.kind)


def _free(ledger: Ledger, *, sweep: Sweep) -> None:
    namespace = sweep.settings.namespaces.workflows
    try:
        lease = sweep.kube.get(LEASES, namespace=namespace, name=ledger.name)
        if lease["metadata"]["resourceVersion"] != ledger.resource_version:
            return
        freed = lease | {"spec": lease["spec"] | {"holderIdentity": ""}}
        why = Why(cause=Cause.ORPHANED, epoch=ledger.epoch, detail=f"of {ledger.holder}")
        sweep.kube.replace(LEASES, namespace=namespace, body=freed, why=why)
    except (NotFoundError, ConflictError):
        return  # somebody has taken it since


def _clear(finding: Finding, *, sweep: Sweep) -> None:
    change, ledger = state.Change(in_progress=False), finding.ledger
    if ledger is None or ledger.record is None:
        _change_document(finding, change, sweep=sweep)
        return
    hold = _hold(ledger.record, to=ledger.record, sweep=sweep)
    if hold is None:
        return
    try:
        state.update(change, context=sweep.context(ledger.record.push), hold=hold)
    except StepError:
        hold.release(ledger.record)
        raise
    hold.release(ledger.record)


def _change_document(finding: Finding, change: state.Change | None, *, sweep: Sweep) -> None:
    """Change a document of no lock, or copy one aside, if it is still wrong."""
    settings, document = sweep.settings, finding.document
    if document is None:
        raise AssertionError("this kind of finding has a document")
    namespace = settings.namespaces.agents
    try:
        stored = sweep.kube.get(CONFIG_MAPS, namespace=namespace, name=document.name)
        wanted = state.changed(
            stored, key=settings.state.key, change=change, now=stamp(sweep.now()), warn=sweep.log.warning
        )
        if wanted != stored:
            sweep.kube.replace(CONFIG_MAPS, namespace=namespace, body=wanted, why=_why(finding, Cause.STATE))
    except (NotFoundError, ConflictError):
        return  # gone, or somebody writes it: the next pass looks again


def _call(intent: Intent, *, sweep: Sweep) -> None:
    """Label the Lease and leave an Event; the log line is what an alert counts."""
    finding, ledger = intent.finding, _known(intent.finding.ledger)
    if sweep.settings.kubernetes.events:
        about = events.of_lease(ledger.name, uid=ledger.uid, namespace=sweep.settings.namespaces.workflows)
        advice = (
            finding.advice or f"see the log of its last Workflow, then remove label {tries.ATTENTION} from the Lease"
        )
        message = f"{finding.kind}: {finding.detail[:500]}. {intent.why or 'Not mended by itself'}. {advice[:300]}"
        body = events.event(
            about,
            reason=events.Reason.NEEDS_ATTENTION,
            message=message,
            once=ledger.resource_version,
            component=RECONCILE,
            now=sweep.now(),
        )
        events.send(body, kube=sweep.kube)
    tries.hand_over(ledger.name, sweep=sweep)
    sweep.log.error(
        "needs attention",
        finding=finding.kind,
        task=finding.task,
        repository=finding.repository,
        lease=ledger.name,
        detail=finding.detail,
        advice=f"mend it, then remove label {tries.ATTENTION} from the Lease",
    )
