"""The WorkflowTemplate `cancel-agents`: one pod of two containers under a lock per task, and its limits.

Relies on these guarantees of Argo: Workflows of one repository and task run one after another (mutex), at most
`concurrent` pods run at once (semaphore), an attempt with exit code 75 or with a lost pod is retried, and the exit
handler runs when the Workflow did not succeed. docs/decisions/0002 explains why there is one pod, and why a container
must be named `main`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera.workflows import (
    Container,
    ContainerNode,
    ContainerSet,
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
    mounts,
    resources,
    spec_patch,
    volumes,
)
from pipelines.names import APP, ENTRYPOINT, FAIL, LIMITS, LIMITS_KEY, ON_EXIT, STEPS_ACCOUNT, TASK_LABEL, TEMPLATE
from pipelines.observability import (
    MEASUREMENTS_FOLDER,
    MEASUREMENTS_VOLUME,
    measurements_volume,
    push_metrics,
    push_outputs,
)
from steps.core import Exit
from steps.domain import PARAMETERS
from steps.settings import SETTINGS_ENV

if TYPE_CHECKING:
    from pipelines.settings import Settings

_NO_RETRY = f"{Exit.BAD_INPUT}|{Exit.FORBIDDEN}"


def retry_expression() -> str:
    """Return the condition of a retry, in Argo's expression language.

    Argo reports only the exit code of the container `main`, which is 64 if `cancel` failed before it. The message then
    quotes the exit code of the failed container, as "exit code 75" or "non-zero code: 75". A lost pod has no exit code
    (-1), a killed one has 137 or 143. Any other failure is a bug and is retried once.
    """
    return (
        f"not (lastRetry.message matches 'code:? ({_NO_RETRY})\\\\b')"
        f" && (lastRetry.message matches 'code:? {Exit.TRY_AGAIN}\\\\b'"
        f" || lastRetry.exitCode in ['{Exit.TRY_AGAIN}', '-1', '137', '143'] || asInt(retries) < 1)"
    )


def environment(settings: Settings) -> list[Env | m.EnvVar]:
    """Build the environment of a container: parameters, settings, and its identity."""
    parameters: list[Env | m.EnvVar] = [
        Env(name=parameter.env, value=f"{{{{workflow.parameters.{parameter.name}}}}}") for parameter in PARAMETERS
    ]
    return [*parameters, *identity(settings), Env(name=SETTINGS_ENV, value=settings.for_steps())]


def _container(step: str, *, name: str, settings: Settings) -> ContainerNode:
    """Build a container of the pod, with GitHub's credentials mounted."""
    return ContainerNode(
        name=name,
        image=settings.image.name,
        image_pull_policy=settings.image.pull_policy,
        command=["python", "-m", f"steps.{step}"],
        env=environment(settings),
        resources=resources(settings),
        security_context=RESTRICTED,
        volume_mounts=mounts(settings),
    )


def workflow_template(settings: Settings) -> dict[str, Any]:
    """Build the WorkflowTemplate."""
    rules = settings.workflow
    with WorkflowTemplate(
        name=TEMPLATE,
        namespace=settings.namespaces.workflows,
        labels=APP,
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
        pod_metadata=m.Metadata(labels=APP),
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
        with ContainerSet(
            name=ENTRYPOINT,
            volumes=[*volumes(settings), measurements_volume()],
            # The set mounts it, not each container: otherwise Argo looks for the outputs in the image.
            volume_mounts=[m.VolumeMount(name=MEASUREMENTS_VOLUME, mount_path=MEASUREMENTS_FOLDER)],
            outputs=push_outputs(),
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
        ):
            _container("cancel", name="cancel", settings=settings) >> _container(
                "settle", name="main", settings=settings
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
