"""Leases of tasks that are long over: found and deleted, so that they do not pile up for ever.

Guarantees that only a Lease is deleted that is free, finished, untouched for `keep_idle_days`, waits for nobody and has
no live run, and only the very version that was judged so. A new Lease starts at epoch 1, which the task's state
document would refuse for ever: so the epoch that stands there is removed first. Workflows are bounded by their
`ttlStrategy`, copies of corrupt documents by their one key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.errors import ConflictError, NotFoundError
from steps.kube import CONFIG_MAPS, LEASES
from steps.state import EPOCH
from steps.why import Cause, Why

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from steps.findings import Finding
    from steps.ledger import Ledger
    from steps.look import Look
    from steps.sweep import Sweep

_DAY_S = 86400.0


def outdated(look: Look, findings: Collection[Finding]) -> Iterator[Ledger]:
    """Leases that nobody needs any more; none if it is not known which runs are alive."""
    if not look.survey.runs_known:
        return
    idle_s = look.settings.reconcile.keep_idle_days * _DAY_S
    concerned = {finding.task for finding in findings} | {task for task, _ in look.survey.busy}
    concerned |= {task for _, task in look.runs}
    for ledger in look.survey.ledgers:
        over = ledger.at_rest and not ledger.handed_over
        if over and ledger.task not in concerned and look.is_silent(ledger, idle_s):
            yield ledger


def collect(ledger: Ledger, *, sweep: Sweep) -> None:
    """Delete a Lease, if it is still the one that was judged.

    Raises:
        StepError: The API server refuses or does not answer; the next pass tries again.
    """
    home = sweep.settings.namespaces.workflows
    _unfence(ledger, sweep=sweep)
    options = {"preconditions": {"uid": ledger.uid, "resourceVersion": ledger.resource_version}}
    try:
        sweep.kube.delete(LEASES, namespace=home, name=ledger.name, options=options, why=_why(ledger))
    except (NotFoundError, ConflictError):
        return
    sweep.log.info("idle Lease deleted", lease=ledger.name, task=ledger.task, epoch=ledger.epoch)


def _unfence(ledger: Ledger, *, sweep: Sweep) -> None:
    """Remove the epoch from the task's state document."""
    namespace = sweep.settings.namespaces.agents
    name = sweep.settings.state.config_map.format(task=ledger.task)
    try:
        stored = sweep.kube.get(CONFIG_MAPS, namespace=namespace, name=name)
    except NotFoundError:
        return
    if EPOCH not in (stored["metadata"].get("annotations") or {}):
        return
    del stored["metadata"]["annotations"][EPOCH]
    sweep.kube.replace(CONFIG_MAPS, namespace=namespace, body=stored, why=_why(ledger))


def _why(ledger: Ledger) -> Why:
    return Why(cause=Cause.IDLE, epoch=ledger.epoch, detail=f"task {ledger.task}")
