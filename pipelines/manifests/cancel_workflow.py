"""The WorkflowTemplate `cancel-agents`: one pod of one container under a lock per task, and its limits.

Relies on these guarantees of Argo: Workflows of one repository and task run one after another (mutex), at most
`concurrent` pods run at once (semaphore), an attempt with exit code 75 or with a lost pod is retried, and the exit
handler runs when the Workflow did not succeed. docs/decisions/0014 explains why there is one pod with one container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera.workflows import Container, Parameter, Step, Steps, WorkflowTemplate
from hera.workflows import models as m

from pipelines.manifests.step_workflow import (
    container_fields,
    environment,
    for_each_container,
    kept_fields,
    retries,
    template_fields,
)
from pipelines.names import APP, ENTRYPOINT, FAIL, LIMITS, LIMITS_KEY, ON_EXIT, STEPS_ACCOUNT, TASK_LABEL, TEMPLATE
from pipelines.observability import push_metrics, push_outputs
from steps.domain import PARAMETERS

if TYPE_CHECKING:
    from pipelines.settings import Settings


def workflow_template(settings: Settings) -> dict[str, Any]:
    """Build the WorkflowTemplate."""
    rules = settings.workflow
    with WorkflowTemplate(
        name=TEMPLATE,
        entrypoint=ENTRYPOINT,
        arguments=[
            Parameter(name=parameter.name, description=parameter.expects)
            if parameter.default is None
            else Parameter(name=parameter.name, description=parameter.expects, value=parameter.default)
            for parameter in PARAMETERS
        ],
        service_account_name=STEPS_ACCOUNT,
        **template_fields(settings),
        workflow_metadata=m.WorkflowMetadata(labels=APP | {TASK_LABEL: "{{workflow.parameters.task-id}}"}),
        synchronization=m.Synchronization(
            mutexes=[
                m.Mutex(name="cancel-agents/{{workflow.parameters.repository}}/task-{{workflow.parameters.task-id}}")
            ]
        ),
        on_exit=ON_EXIT,
        template_defaults=for_each_container(environment(settings, read=settings.for_steps(), parameters=PARAMETERS)),
        metrics=push_metrics(),
        active_deadline_seconds=(rules.retries + 2) * rules.deadline_s,
        **kept_fields(settings),
    ) as template:
        Container(
            name=ENTRYPOINT,
            **container_fields(settings, module="cancel"),
            outputs=push_outputs(),
            active_deadline_seconds=rules.deadline_s,
            retry_strategy=retries(settings),
            synchronization=m.Synchronization(
                semaphores=[m.SemaphoreRef(config_map_key_ref=m.ConfigMapKeySelector(name=LIMITS, key=LIMITS_KEY))]
            ),
        )
        # Steps with a condition, because Argo ignores the expression of a Workflow's exit hook: each success would
        # start a second pod, and hold the mutex meanwhile.
        with Steps(name=ON_EXIT):
            Step(name=FAIL, template=FAIL, when="{{workflow.status}} != Succeeded")
        Container(
            name=FAIL,
            **container_fields(settings, module="fail", measured=False),
            active_deadline_seconds=rules.deadline_s,
        )
    return dict(template.to_dict())
