"""The WorkflowTemplate `cancel-agents`: one pod of two containers under a lock per task, and its limits.

Guarantees of Argo's that it builds on: workflows of one repository and task run one after the other (mutex), at most
`concurrent` pods run at once (semaphore), an attempt that ended with exit code 75 or lost its pod is repeated, and the
exit hook runs when the workflow did not succeed. Why one pod and why a container must be called `main`:
docs/decisions/0002.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hera.workflows import (
    ConfigMapVolume,
    Container,
    ContainerNode,
    ContainerSet,
    EmptyDirVolume,
    Env,
    Parameter,
    Resources,
    RetryStrategy,
    SecretVolume,
    Step,
    Steps,
    WorkflowTemplate,
)
from hera.workflows import models as m
from hera.workflows.models import VolumeMount
from hera.workflows.models.io.k8s.apimachinery.pkg.api.resource import Quantity
from hera.workflows.models.io.k8s.apimachinery.pkg.util.intstr import IntOrString

from pipelines import names
from steps.errors import Exit
from steps.push import PARAMETERS
from steps.settings import ENV

if TYPE_CHECKING:
    from pipelines.settings import Settings

# Argo's own containers run as this user; ours do as well, so one pod security context fits all.
_USER = 8737
_RESTRICTED = m.SecurityContext(
    allow_privilege_escalation=False,
    capabilities=m.Capabilities(drop=["ALL"]),
    read_only_root_filesystem=True,
    run_as_non_root=True,
    run_as_user=_USER,
)
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
    return [
        *parameters,
        Env(name="WORKFLOW_NAME", value="{{workflow.name}}"),
        Env(name="WORKFLOW_UID", value="{{workflow.uid}}"),
        Env(name="WORKFLOW_CREATED_AT", value="{{workflow.creationTimestamp.s}}"),
        _downward("POD_NAME", "metadata.name"),
        _downward("POD_UID", "metadata.uid"),
        Env(name=ENV, value=settings.for_steps()),
    ]


def _downward(name: str, path: str) -> m.EnvVar:
    return m.EnvVar(
        name=name, value_from=m.EnvVarSource(field_ref=m.ObjectFieldSelector(api_version="v1", field_path=path))
    )


def _resources(settings: Settings) -> Resources:
    requests, limits = settings.workflow.requests, settings.workflow.limits
    return Resources(
        cpu_request=requests.cpu, memory_request=requests.memory, cpu_limit=limits.cpu, memory_limit=limits.memory
    )


def _node(step: str, *, name: str, settings: Settings) -> ContainerNode:
    """A container of the pod; it sees GitHub's credentials."""
    return ContainerNode(
        name=name,
        image=settings.image.name,
        image_pull_policy=settings.image.pull_policy,
        command=["python", "-m", f"steps.{step}"],
        env=environment(settings),
        resources=_resources(settings),
        security_context=_RESTRICTED,
        volume_mounts=[
            VolumeMount(name="tmp", mount_path="/tmp"),  # noqa: S108 - the pod's own empty folder
            VolumeMount(name="github", mount_path=settings.github.credentials_dir, read_only=True),
            VolumeMount(name=settings.breaker.config_map, mount_path=settings.breaker.mount, read_only=True),
        ],
    )


def _pod_spec_patch() -> str:
    """Make Argo's own containers pass the `restricted` Pod Security Standard too."""
    restricted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": _USER,
    }
    patch = {
        "initContainers": [{"name": "init", "securityContext": restricted}],
        "containers": [{"name": "wait", "securityContext": restricted}],
    }
    return json.dumps(patch, indent=1)


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
        security_context=m.PodSecurityContext(
            run_as_non_root=True, run_as_user=_USER, seccomp_profile=m.SeccompProfile(type="RuntimeDefault")
        ),
        pod_spec_patch=_pod_spec_patch(),
        pod_metadata=m.Metadata(labels=names.APP),
        workflow_metadata=m.WorkflowMetadata(labels=names.APP | {names.TASK_LABEL: "{{workflow.parameters.task-id}}"}),
        synchronization=m.Synchronization(
            mutexes=[
                m.Mutex(name="cancel-agents/{{workflow.parameters.repository}}/task-{{workflow.parameters.task-id}}")
            ]
        ),
        on_exit=names.ON_EXIT,
        active_deadline_seconds=(rules.retries + 2) * rules.deadline_s,
        ttl_strategy=m.TTLStrategy(
            seconds_after_success=rules.keep_succeeded_s, seconds_after_failure=rules.keep_failed_s
        ),
        pod_gc=m.PodGC(strategy="OnWorkflowSuccess", delete_delay_duration="600s"),
    ) as template:
        with ContainerSet(
            name=names.ENTRYPOINT,
            volumes=[
                EmptyDirVolume(name="tmp", mount_path="/tmp", medium="Memory", size_limit=Quantity("16Mi")),  # noqa: S108 - as above
                SecretVolume(
                    name="github",
                    secret_name=rules.credentials_secret,
                    mount_path=settings.github.credentials_dir,
                    optional=True,
                ),
                # Hera calls a volume by its ConfigMap's name.
                ConfigMapVolume(name=settings.breaker.config_map, mount_path=settings.breaker.mount, optional=True),
            ],
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
            resources=_resources(settings),
            security_context=_RESTRICTED,
            active_deadline_seconds=rules.deadline_s,
        )
    return dict(template.to_dict())


def breakers(settings: Settings) -> dict[str, Any]:
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
