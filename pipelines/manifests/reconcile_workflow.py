"""The CronWorkflow `reconcile-cancellations` and its template: pods that find and repair tasks.

Relies on these guarantees of Argo: no two pods run at once (`Forbid`), and one missed pod is made up for after the
controller was down. The schedule uses the wall clock, because `@every` restarts whenever the object changes. It
contains only a reference to the WorkflowTemplate, so it runs under `templateReferencing: Secure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera.workflows import Container, CronWorkflow, WorkflowTemplate
from hera.workflows import models as m

from pipelines.manifests.step_workflow import container_fields, environment, template_fields
from pipelines.names import APP, RECONCILE
from pipelines.observability import reconcile_metrics, reconcile_outputs

if TYPE_CHECKING:
    from pipelines.settings import Settings

# Passes over 10,000 tasks took seconds.
_DEADLINE_S = 120
_HOUR_S = 3600


def reconcile_template(settings: Settings) -> dict[str, Any]:
    """Build the WorkflowTemplate."""
    with WorkflowTemplate(
        name=RECONCILE,
        entrypoint=RECONCILE,
        service_account_name=RECONCILE,
        **template_fields(settings),
        workflow_metadata=m.WorkflowMetadata(labels=APP),
        active_deadline_seconds=_DEADLINE_S,
        ttl_strategy=m.TTLStrategy(seconds_after_completion=settings.workflow.keep_succeeded_s),
        pod_gc=m.PodGC(strategy="OnWorkflowSuccess"),
        metrics=reconcile_metrics(),
    ) as template:
        Container(
            name=RECONCILE,
            **container_fields(settings, module="reconcile"),
            env=environment(settings, read=settings.for_reconcile()),
            outputs=reconcile_outputs(),
        )
    return dict(template.to_dict())


def _cron(every_s: int) -> str:
    """Return the schedule of the pods: each minute, or in minutes that divide an hour."""
    minutes = every_s // 60
    if minutes <= 1:
        return "* * * * *"
    return f"*/{minutes} * * * *" if every_s < _HOUR_S else "0 * * * *"


def schedule(settings: Settings) -> dict[str, Any]:
    """Build the CronWorkflow. Without passes (`reconcile.every_s = 0`), there is none."""
    every_s = settings.reconcile.every_s
    cron = CronWorkflow(
        name=RECONCILE,
        namespace=settings.namespaces.workflows,
        labels=APP | settings.argo.labels,
        schedules=[_cron(every_s)],
        concurrency_policy="Forbid",
        starting_deadline_seconds=max(60, every_s),
        successful_jobs_history_limit=2,
        failed_jobs_history_limit=3,
        workflow_template_ref=m.WorkflowTemplateRef(name=RECONCILE),
    )
    return dict(cron.to_dict())
