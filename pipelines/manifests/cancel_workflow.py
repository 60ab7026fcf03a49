"""The WorkflowTemplate `cancel-agents`: one pod of one container under a lock per task, and its limits.

Relies on these guarantees of Argo: Workflows of one repository and task run one after another (mutex), at most
`concurrent` pods run at once (semaphore), an attempt with exit code 75 or with a lost pod is retried, and the exit
handler runs when the Workflow did not succeed. docs/decisions/0014 explains why there is one pod with one container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera.workflows import (
    Container,
    Env,
    Parameter,
    RetryStrategy,
    Step,
    Steps,
    WorkflowTemplate,
)
from hera.workflows import models as m
from hera.workflows.models.io.k8s.apimachinery.pkg.util.intstr import IntOrString

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
from pipelines.names import APP, ENTRYPOINT, FAIL, LIMITS, LIMITS_KEY, ON_EXIT, STEPS_ACCOUNT, TASK_LABEL, TEMPLATE
from pipelines.observability import (
    measurements_volume,
    push_metrics,
    push_outputs,
)
from steps.core import Exit
from steps.domain import PARAMETERS
from steps.settings import SETTINGS_ENV

if TYPE_CHECKING:
    from pipelines.settings import Settings


def retry_expression() -> str:
    """Return the condition of a retry, in Argo's expression language.

    A lost pod has no exit code (-1), a killed one has 137 or 143. Any other failure than bad input or a missing right
    is a bug, and is retried once.
    """
    again = ", ".join(f"'{code}'" for code in (int(Exit.TRY_AGAIN), -1, 137, 143))
    final = ", ".join(f"'{int(code)}'" for code in (Exit.BAD_INPUT, Exit.FORBIDDEN))
    return f"lastRetry.exitCode in [{again}] || (lastRetry.exitCode not in [{final}] && asInt(retries) < 1)"


def environment(settings: Settings) -> list[Env | m.EnvVar]:
    """Build the environment of a container: parameters, settings, and its identity."""
    parameters: list[Env | m.EnvVar] = [
        Env(name=parameter.env, value=f"{{{{workflow.parameters.{parameter.name}}}}}") for parameter in PARAMETERS
    ]
    return [*parameters, *identity(settings), Env(name=SETTINGS_ENV, value=settings.for_steps())]


def workflow_template(settings: Settings) -> dict[str, Any]:
    """Build the WorkflowTemplate."""
    rules = settings.workflow
    with WorkflowTemplate(
        name=TEMPLATE,
        namespace=settings.namespaces.workflows,
        labels=APP | settings.argo.labels,
        entrypoint=ENTRYPOINT,
        arguments=[
            Parameter(name=parameter.name, description=parameter.expects)
            if parameter.default is None
            else Parameter(name=parameter.name, description=parameter.expects, value=parameter.default)
            for parameter in PARAMETERS
        ],
        service_account_name=STEPS_ACCOUNT,
        security_context=SECURITY,
        pod_spec_patch=spec_patch(),
        **placement(settings),
        workflow_metadata=m.WorkflowMetadata(labels=APP | {TASK_LABEL: "{{workflow.parameters.task-id}}"}),
        synchronization=m.Synchronization(
            mutexes=[
                m.Mutex(name="cancel-agents/{{workflow.parameters.repository}}/task-{{workflow.parameters.task-id}}")
            ]
        ),
        on_exit=ON_EXIT,
        metrics=push_metrics(),
        active_deadline_seconds=(rules.retries + 2) * rules.deadline_s,
        ttl_strategy=m.TTLStrategy(
            seconds_after_success=rules.keep_succeeded_s, seconds_after_failure=rules.keep_failed_s
        ),
        pod_gc=m.PodGC(strategy="OnWorkflowSuccess", delete_delay_duration="600s"),
    ) as template:
        Container(
            name=ENTRYPOINT,
            image=settings.image.name,
            image_pull_policy=settings.image.pull_policy,
            command=["python", "-m", "steps.cancel"],
            env=environment(settings),
            volumes=[*volumes(settings), measurements_volume()],
            volume_mounts=ca_mounts(settings),
            outputs=push_outputs(),
            resources=resources(settings),
            security_context=RESTRICTED,
            active_deadline_seconds=rules.deadline_s,
            retry_strategy=RetryStrategy(
                limit=rules.retries,
                retry_policy="Always",
                expression=retry_expression(),
                backoff=m.Backoff(duration="5s", factor=IntOrString(2), cap="60s"),
            ),
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
            image=settings.image.name,
            image_pull_policy=settings.image.pull_policy,
            command=["python", "-m", "steps.fail"],
            env=environment(settings),
            volumes=volumes(settings),
            volume_mounts=ca_mounts(settings),
            resources=resources(settings),
            security_context=RESTRICTED,
            active_deadline_seconds=rules.deadline_s,
        )
    return dict(template.to_dict())
