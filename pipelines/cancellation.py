"""The WorkflowTemplate `cancel-agents`: one pod of two containers under a lock per task, and its limits.

Guarantees of Argo's that it builds on: workflows of one repository and task run one after the other (mutex), at most
`concurrent` pods run at once (semaphore), an attempt that ended with exit code 75 or lost its pod is repeated, and the
exit hook runs when the workflow did not succeed. Why one pod and why a container must be called `main`:
docs/decisions/0002.
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

from pipelines import metrics, names, pods
from steps.errors import Exit
from steps.push import PARAMETERS
from steps.settings import ENV

if TYPE_CHECKING:
    from pipelines.settings import Settings
    from steps.settings import StepSettings

_NEVER = f"{Exit.BAD_INPUT}|{Exit.FORBIDDEN}"


def retry_expression() -> str:
    """When an attempt is repeated, in Argo's expression language.

    Argo knows only the exit code of the container `main`: 64 if `cancel` failed before it. But the message then quotes
    the exit code of the one that failed, as "exit code 75" or "non-zero code: 75". A pod that was lost has none (-1),
    one that was killed has 137 or 143. Any other failure is a bug and is repeated once.
    """
    return (
        f"not (lastRetry.message matches 'code:? ({_NEVER})\\\\b')"
        f" && (lastRetry.message matches 'code:? {Exit.TRY_AGAIN}\\\\b'"
        f" || lastRetry.exitCode in ['{Exit.TRY_AGAIN}', '-1', '137', '143'] || asInt(retries) < 1)"
    )


def environment(settings: Settings) -> list[Env | m.EnvVar]:
    """What every container finds in its environment: parameters, settings, and who it is."""
    parameters: list[Env | m.EnvVar] = [
        Env(name=parameter.env, value=f"{{{{workflow.parameters.{parameter.name}}}}}") for parameter in PARAMETERS
    ]
    return [*parameters, *pods.identity(settings), Env(name=ENV, value=settings.for_steps())]


def _node(step: str, *, name: str, settings: Settings) -> ContainerNode:
    """A container of the pod; it sees GitHub's credentials."""
    return ContainerNode(
        name=name,
        image=settings.image.name,
        image_pull_policy=settings.image.pull_policy,
        command=["python", "-m", f"steps.{step}"],
        env=environment(settings),
        resources=pods.resources(settings),
        security_context=pods.RESTRICTED,
        volume_mounts=pods.mounts(settings),
    )


def workflow_template(settings: Settings) -> dict[str, Any]:
    """The WorkflowTemplate, as plain values."""
    rules = settings.workflow
    with WorkflowTemplate(
        name=names.TEMPLATE,
        namespace=settings.namespaces.workflows,
        labels=names.APP,
        entrypoint=names.ENTRYPOINT,
        arguments=[
            Parameter(name=parameter.name, description=parameter.expects)
            if parameter.default is None
            else Parameter(name=parameter.name, description=parameter.expects, value=parameter.default)
            for parameter in PARAMETERS
        ],
        service_account_name=names.STEPS_ACCOUNT,
        security_context=pods.SECURITY,
        pod_spec_patch=pods.spec_patch(),
        pod_metadata=m.Metadata(labels=names.APP),
        workflow_metadata=m.WorkflowMetadata(labels=names.APP | {names.TASK_LABEL: "{{workflow.parameters.task-id}}"}),
        synchronization=m.Synchronization(
            mutexes=[
                m.Mutex(name="cancel-agents/{{workflow.parameters.repository}}/task-{{workflow.parameters.task-id}}")
            ]
        ),
        on_exit=names.ON_EXIT,
        metrics=metrics.of_a_push(),
        active_deadline_seconds=(rules.retries + 2) * rules.deadline_s,
        ttl_strategy=m.TTLStrategy(
            seconds_after_success=rules.keep_succeeded_s, seconds_after_failure=rules.keep_failed_s
        ),
        pod_gc=m.PodGC(strategy="OnWorkflowSuccess", delete_delay_duration="600s"),
    ) as template:
        with ContainerSet(
            name=names.ENTRYPOINT,
            volumes=[*pods.volumes(settings), metrics.volume()],
            # Mounted by the set, not by each container: only then does Argo know that it is no part of the image.
            volume_mounts=[m.VolumeMount(name=metrics.VOLUME, mount_path=metrics.FOLDER)],
            outputs=metrics.push_outputs(),
            active_deadline_seconds=rules.deadline_s,
            retry_strategy=RetryStrategy(
                limit=rules.retries,
                retry_policy="Always",
                expression=retry_expression(),
                backoff=m.Backoff(duration="5s", factor=IntOrString(2), cap="60s"),
            ),
            synchronization=m.Synchronization(
                semaphores=[
                    m.SemaphoreRef(config_map_key_ref=m.ConfigMapKeySelector(name=names.LIMITS, key=names.LIMITS_KEY))
                ]
            ),
        ):
            _node("cancel", name="cancel", settings=settings) >> _node("settle", name="main", settings=settings)
        # Not a hook with an expression: Argo ignores the expression of a workflow's own exit hook. Every success would
        # cost a second pod, under the lock.
        with Steps(name=names.ON_EXIT):
            Step(name=names.FAIL, template=names.FAIL, when="{{workflow.status}} != Succeeded")
        Container(
            name=names.FAIL,
            image=settings.image.name,
            image_pull_policy=settings.image.pull_policy,
            command=["python", "-m", "steps.fail"],
            env=environment(settings),
            volumes=pods.volumes(settings),
            volume_mounts=pods.bundle_mounts(settings),
            resources=pods.resources(settings),
            security_context=pods.RESTRICTED,
            active_deadline_seconds=rules.deadline_s,
        )
    return dict(template.to_dict())


def breakers(settings: StepSettings) -> dict[str, Any]:
    """The ConfigMap in which the pods keep their breakers; it has no data, so applying it again resets none of them."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": settings.breaker.config_map,
            "namespace": settings.namespaces.workflows,
            "labels": dict(names.APP),
        },
    }


def limits(settings: Settings) -> dict[str, Any]:
    """The ConfigMap behind the semaphore: Argo reads it at each check, so it can be changed while workflows wait."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": names.LIMITS, "namespace": settings.namespaces.workflows, "labels": dict(names.APP)},
        "data": {names.LIMITS_KEY: str(settings.workflow.concurrent)},
    }
