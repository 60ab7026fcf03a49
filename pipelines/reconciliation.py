"""The schedule `reconcile-cancellations`: a pod a minute that finds what went wrong anyway, and rolls it forward.

Guarantees of Argo's that it builds on: no two pods at once (`Forbid`), and a minute that was missed while the
controller was away is made up for once. A wall-clock schedule: `@every` starts over whenever the object is touched. The
schedule brings nothing but a reference to the WorkflowTemplate, so it runs under `templateReferencing: Secure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera.workflows import Container, CronWorkflow, Env, WorkflowTemplate
from hera.workflows import models as m

from pipelines import metrics, names, pods
from steps.settings import ENV

if TYPE_CHECKING:
    from pipelines.settings import Settings

# Two minutes: a pass over more tasks than were ever measured takes a fraction of it.
_DEADLINE_S = 120


def reconcile_template(settings: Settings) -> dict[str, Any]:
    """The WorkflowTemplate, as plain values."""
    with WorkflowTemplate(
        name=names.RECONCILE,
        namespace=settings.namespaces.workflows,
        labels=names.APP,
        entrypoint=names.RECONCILE,
        service_account_name=names.RECONCILE,
        security_context=pods.SECURITY,
        pod_spec_patch=pods.spec_patch(),
        pod_metadata=m.Metadata(labels=names.APP),
        workflow_metadata=m.WorkflowMetadata(labels=names.APP),
        active_deadline_seconds=_DEADLINE_S,
        ttl_strategy=m.TTLStrategy(seconds_after_completion=settings.workflow.keep_succeeded_s),
        pod_gc=m.PodGC(strategy="OnWorkflowSuccess"),
        metrics=metrics.of_reconcile(),
    ) as template:
        Container(
            name=names.RECONCILE,
            image=settings.image.name,
            image_pull_policy=settings.image.pull_policy,
            command=["python", "-m", "steps.reconcile"],
            env=[*pods.identity(settings), Env(name=ENV, value=settings.for_reconcile())],
            resources=pods.resources(settings),
            security_context=pods.RESTRICTED,
            volumes=[*pods.volumes(settings), metrics.volume()],
            volume_mounts=pods.bundle_mounts(settings),
            outputs=metrics.reconcile_outputs(),
        )
    return dict(template.to_dict())


def schedule(settings: Settings) -> dict[str, Any]:
    """The CronWorkflow, as plain values."""
    cron = CronWorkflow(
        name=names.RECONCILE,
        namespace=settings.namespaces.workflows,
        labels=names.APP,
        schedules=["* * * * *"],
        concurrency_policy="Forbid",
        starting_deadline_seconds=60,
        successful_jobs_history_limit=2,
        failed_jobs_history_limit=3,
        workflow_template_ref=m.WorkflowTemplateRef(name=names.RECONCILE),
    )
    return dict(cron.to_dict())
