"""The WorkflowTemplate `agent-commands`: one small pod for each command in a comment, if commands are switched on.

Relies on Argo to retry an attempt with exit code 75 or with a lost pod. It takes no mutex: the Workflow that it submits
does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera.workflows import Container, Parameter, WorkflowTemplate
from hera.workflows import models as m

from pipelines.manifests.step_workflow import container_fields, environment, kept_fields, retries, template_fields
from pipelines.names import APP, COMMAND
from pipelines.observability import report_outputs
from steps.domain import COMMAND_PARAMETERS

if TYPE_CHECKING:
    from pipelines.settings import Settings


def command_template(settings: Settings) -> dict[str, Any]:
    """Build the WorkflowTemplate."""
    rules = settings.workflow
    with WorkflowTemplate(
        name=COMMAND,
        entrypoint=COMMAND,
        arguments=[Parameter(name=each.name, description=each.expects) for each in COMMAND_PARAMETERS],
        service_account_name=COMMAND,
        **template_fields(settings),
        workflow_metadata=m.WorkflowMetadata(labels=APP),
        active_deadline_seconds=(rules.retries + 1) * rules.deadline_s,
        **kept_fields(settings),
    ) as template:
        Container(
            name=COMMAND,
            **container_fields(settings, module="command"),
            env=environment(settings, read=settings.for_steps(), parameters=COMMAND_PARAMETERS),
            outputs=report_outputs(),
            active_deadline_seconds=rules.deadline_s,
            retry_strategy=retries(settings),
        )
    return dict(template.to_dict())
