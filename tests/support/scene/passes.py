"""Passes of reconcile, and the Workflows that they submit."""

from __future__ import annotations

from datetime import timedelta

from steps.cancellation.workflow import REPAIR_LABEL, WORKFLOW_COMPLETED_LABEL
from steps.core.errors import Exit
from steps.kube.transport import Json
from steps.lease.holder import Holder
from steps.reconciliation.context import ReconcileContext
from steps.reconciliation.planning import PlannedRepair
from steps.reconciliation.reconcile_pass import run_pass
from steps.telemetry.audit import Audit
from steps.telemetry.log import Log
from tests.support.scene.steps import Steps
from tests.support.scene.workflow import submitted


class Passes(Steps):
    """Runs reconcile, and its repairs."""

    __slots__ = ()

    def reconcile_context(
        self, *, pod: str = "reconcile", dry_run: bool = False, waited_s: float = 0
    ) -> ReconcileContext:
        """What a process of reconcile works with, whose pod waited so long for a node or its image."""
        holder = Holder(pod=pod, pod_uid=self.pod_uid(pod), workflow_uid="reconcile")
        log = Log(clock=self.clock, stream=self.output).bind(step="reconcile")
        return ReconcileContext(
            settings=self.reconcile_settings,
            workflow="reconcile-1",
            started_at=self.clock.now() - timedelta(seconds=waited_s),
            started=self.clock.monotonic(),
            holder=holder,
            clients=self.clients(audit=Audit(log=log), measured=self.measurements(pod), lag_s=0),
            clock=self.clock,
            random=lambda: 0.5,
            log=log,
            measurements=self.measurements(pod),
            dry_run=dry_run,
        )

    def reconcile(self, *, dry_run: bool = False) -> tuple[PlannedRepair, ...]:
        """One pass."""
        return tuple(each.planned for each in run_pass(self.reconcile_context(dry_run=dry_run)).repairs)

    def repairs(self) -> list[Json]:
        """The repairs under way."""
        namespace = self.settings.namespaces.workflows
        return self.api.list(
            "workflows", namespace=namespace, labels=f"{REPAIR_LABEL},{WORKFLOW_COMPLETED_LABEL}!=true"
        )

    def run_repairs(self) -> list[Exit]:
        """Run every repair to its end, as Argo would."""
        return [self.run_repair(found) for found in self.repairs()]

    def run_repair(self, found: Json) -> Exit:
        """Run a Workflow that was submitted."""
        return self.play(submitted(found))
