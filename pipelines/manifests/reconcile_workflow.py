"""The schedule `reconcile-cancellations`: a pod a minute that finds what went wrong anyway, and rolls it forward.

Guarantees of Argo's that it builds on: no two pods at once (`Forbid`), and a minute that was missed while the
controller was away is made up for once. A wall-clock schedule: `@every` starts over whenever the object is touched. The
schedule brings nothing but a reference to the WorkflowTemplate, so it runs under `templateReferencing: Secure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera.workflows import Container, CronWorkflow, Env, WorkflowTemplate
from hera.workflows import models as m

from pipelines.manifests.pod_template import (
    RESTRICTED,
    SECURITY,
    bundle_mounts,
    identity,
    resources,
    spec_patch,
    volumes,
)
from pipelines.names import APP, RECONCILE
from pipelines.observability import measurements_volume, reconcile_metrics, reconcile_outputs
from steps.settings import SETTINGS_ENV

if TYPE_CHECKING:
    from pipelines.settings import Settings

# Two minutes: a pass over more tasks than were ever measured takes a fraction of it.
_DEADLINE_S = 120


def reconcile_template(settings: Settings) -> dict[str, Any]:
    """The WorkflowTemplate, as plain values."""
    with WorkflowTemplate(
        name=RECONCILE,
        namespace=settings.namespaces.workflows,
        labels=APP,
        entrypoint=RECONCILE,
        service_account_name=RECONCILE,
        security_context=SECURITY,
        pod_spec_patch=spec_patch(),
        pod_metadata=m.Metadata(labels=APP),
        workflow_metadata=m.WorkflowMetadata(labels=APP),
        active_deadline_seconds=_DEADLINE_S,
        ttl_strategy=m.TTLStrategy(seconds_after_completion=settings.workflow.keep_succeeded_s),
        pod_gc=m.PodGC(strategy="OnWorkflowSuccess"),
        metrics=reconcile_metrics(),
    ) as template:
        Container(
            name=RECONCILE,
            image=settings.image.name,
            image_pull_policy=settings.image.pull_policy,
            command=["python", "-m", "steps.reconcile"],
            env=[*identity(settings), Env(name=SETTINGS_ENV, value=settings.for_reconcile())],
            resources=resources(settings),
            security_context=RESTRICTED,
            volumes=[*volumes(settings), measurements_volume()],
            volume_mounts=bundle_mounts(settings),
            outputs=reconcile_outputs(),
        )
    return dict(template.to_dict())


def schedule(settings: Settings) -> dict[str, Any]:
    """The CronWorkflow, as plain values."""
    cron = CronWorkflow(
        name=RECONCILE,
        namespace=settings.namespaces.workflows,
        labels=APP,
        schedules=["* * * * *"],
        concurrency_policy="Forbid",
        starting_deadline_seconds=60,
        successful_jobs_history_limit=2,
        failed_jobs_history_limit=3,
        workflow_template_ref=m.WorkflowTemplateRef(name=RECONCILE),
    )
    return dict(cron.to_dict())
