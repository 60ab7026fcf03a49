"""The WorkflowTemplate `agent-commands`: one small pod for each command in a comment, if commands are switched on.

Relies on Argo to retry an attempt with exit code 75 or with a lost pod. It takes no mutex: the Workflow that it submits
does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera.workflows import Container, Env, Parameter, RetryStrategy, WorkflowTemplate
from hera.workflows import models as m
from hera.workflows.models.io.k8s.apimachinery.pkg.util.intstr import IntOrString

from pipelines.manifests.cancel_workflow import retry_expression
from pipelines.manifests.pod_template import (
    RESTRICTED,
    SECURITY,
    ca_mounts,
    identity,
    placement,
    resources,
    spec_patch,
    volumes,
)
from pipelines.names import APP, COMMAND
from pipelines.observability import measurements_volume, report_outputs
from steps.domain import COMMAND_PARAMETERS
from steps.settings import SETTINGS_ENV

if TYPE_CHECKING:
    from pipelines.settings import Settings


def command_template(settings: Settings) -> dict[str, Any]:
    """Build the WorkflowTemplate."""
    rules = settings.workflow
    with WorkflowTemplate(
        name=COMMAND,
        namespace=settings.namespaces.workflows,
        labels=APP | settings.argo.labels,
        entrypoint=COMMAND,
        arguments=[Parameter(name=each.name, description=each.expects) for each in COMMAND_PARAMETERS],
        service_account_name=COMMAND,
        security_context=SECURITY,
        pod_spec_patch=spec_patch(),
        **placement(settings),
        workflow_metadata=m.WorkflowMetadata(labels=APP),
        active_deadline_seconds=(rules.retries + 1) * rules.deadline_s,
        ttl_strategy=m.TTLStrategy(
            seconds_after_success=rules.keep_succeeded_s, seconds_after_failure=rules.keep_failed_s
        ),
        pod_gc=m.PodGC(strategy="OnWorkflowSuccess", delete_delay_duration="600s"),
    ) as template:
        Container(
            name=COMMAND,
            image=settings.image.name,
            image_pull_policy=settings.image.pull_policy,
            command=["python", "-m", "steps.command"],
            env=[
                *(Env(name=each.env, value=f"{{{{workflow.parameters.{each.name}}}}}") for each in COMMAND_PARAMETERS),
                *identity(settings),
                Env(name=SETTINGS_ENV, value=settings.for_steps()),
            ],
            volumes=[*volumes(settings), measurements_volume()],
            volume_mounts=ca_mounts(settings),
            outputs=report_outputs(),
            resources=resources(settings),
            security_context=RESTRICTED,
            active_deadline_seconds=rules.deadline_s,
            retry_strategy=RetryStrategy(
                limit=rules.retries,
                retry_policy="Always",
                expression=retry_expression(),
                backoff=m.Backoff(duration="5s", factor=IntOrString(2), cap="60s"),
            ),
        )
    return dict(template.to_dict())
