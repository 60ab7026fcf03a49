"""What Argo runs: a step in its pod, an attempt with its retries and the exit hook, the Workflow of a command.

Guarantees that the steps are the shipped ones from their context down. Not covered: environment, exit of the process,
RBAC (tests/integration/control_plane).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from steps.cancel import cancel
from steps.cancellation.execution import StartedExecution, start_execution
from steps.command import CommandContext, command
from steps.core.clock import parse_time
from steps.core.errors import Exit, StepError
from steps.domain.command import COMMAND_PARAMETERS, command_from_env
from steps.fail import fail
from steps.kube.transport import Json
from steps.lease.holder import Holder
from steps.runtime.context import StepContext
from steps.telemetry.audit import Audit
from steps.telemetry.log import Log
from steps.telemetry.measurements import REPORT, Measurements
from tests.doubles import argo_controller
from tests.support.scene.clients import Connected
from tests.support.scene.workflow import Workflow


class Steps(Connected):
    """Runs steps as Argo does."""

    __slots__ = ()

    def context(self, workflow: Workflow, *, pod: str) -> StepContext:
        """The Context of a step of this workflow in this pod."""
        holder = Holder(pod=pod, pod_uid=self.pod_uid(pod), workflow_uid=workflow.uid)
        context = self.context_without_pod(workflow, measurements=self.measurements(pod))
        return replace(context, holder=holder)

    def measurements(self, pod: str) -> Measurements:
        """What the containers of a pod have measured."""
        return self.measured.setdefault(pod, Measurements())

    def context_without_pod(
        self,
        workflow: Workflow,
        *,
        random: Callable[[], float] = lambda: 0.5,
        measurements: Measurements | None = None,
    ) -> StepContext:
        """The Context of a process outside the cluster."""
        measured = measurements or Measurements()
        log = Log(clock=self.clock, stream=self.output).bind(workflow=workflow.name)
        audit = Audit(log=log.bind(correlation_id=workflow.push.correlation_id))
        general = self.settings
        if not self.in_threads:
            # One after the other, so that a scene is the same each time.
            general = replace(general, help=replace(general.help, parallel=1))
        return StepContext(
            push=workflow.push,
            settings=general.for_repository(workflow.push.repository),
            general=general,
            workflow=workflow.name,
            created_at=workflow.created_at,
            holder=Holder(pod="", pod_uid="outside", workflow_uid=workflow.uid),
            clients=self.clients(audit=audit, measured=measured, random=random),
            clock=self.clock,
            random=random,
            log=log,
            measurements=measured,
        )

    def pod_uid(self, name: str) -> str:
        """Make the step's own pod if it is not there; its uid."""
        namespace = self.settings.namespaces.workflows
        found = self.api.find("pods", name, namespace=namespace)
        if found is None:
            container = {"name": "main", "image": "agent-cancellation:test"}
            found = self.api.create(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {"name": name, "namespace": namespace},
                    "spec": {"containers": [container], "nodeName": "node-1"},
                }
            )
        return str(found["metadata"]["uid"])

    def end_pod(self, name: str, *, phase: str) -> None:
        """The step's pod has ended."""
        self.api.patch(
            "pods",
            name,
            {"status": {"phase": phase}},
            namespace=self.settings.namespaces.workflows,
            subresource="status",
        )

    def step(self, what: Callable[[StepContext], None], workflow: Workflow, *, pod: str) -> Exit:
        """Run one step as the container would; its exit code."""
        try:
            what(self.context(workflow, pod=pod))
        except StepError as error:
            self.output.write(json.dumps({"exit": int(error.exit), "error": str(error)}) + "\n")
            return error.exit
        return Exit.DONE

    def begin(self, workflow: Workflow, *, pod: str) -> StartedExecution:
        """Run the first part of an attempt: its DELETEs are sent, and the Lease is held."""
        started = start_execution(self.context(workflow, pod=pod))
        assert started is not None, "the push is superseded"
        return started

    def attempt(self, workflow: Workflow, *, pod: str = "") -> Exit:
        """Run one attempt of the pod."""
        pod = pod or f"{workflow.name}-pod-{next(self._serial)}"
        self.argo.mark(workflow.name, argo_controller.RUNNING)
        code = self.step(cancel, workflow, pod=pod)
        self.end_pod(pod, phase="Succeeded" if code is Exit.DONE else "Failed")
        return code

    def play(self, workflow: Workflow, *, attempts: int = 4) -> Exit:
        """Run a workflow as Argo does: retried while the exit code says so; the exit hook if it did not succeed."""
        code = Exit.DONE
        for _ in range(attempts):
            code = self.attempt(workflow)
            if code is not Exit.TRY_AGAIN:
                break
            self.clock.sleep(5)
        if code is not Exit.DONE:
            self.step(fail, workflow, pod=f"{workflow.name}-exit-{next(self._serial)}")
        ended = argo_controller.SUCCEEDED if code is Exit.DONE else argo_controller.FAILED
        self.argo.mark(workflow.name, ended, message="" if code is Exit.DONE else f"exit code {int(code)}")
        return code

    def command(self, found: Json) -> tuple[Exit, str]:
        """Run the Workflow of a comment's command, as Argo does with its arguments; its exit code and its report."""
        values = {each["name"]: each["value"] for each in found["spec"]["arguments"]["parameters"]}
        metadata, measured = found["metadata"], Measurements()
        log = Log(clock=self.clock, stream=self.output).bind(workflow=metadata["name"])
        try:
            command(
                CommandContext(
                    asked=command_from_env({each.env: values[each.name] for each in COMMAND_PARAMETERS}),
                    settings=self.settings,
                    created_at=parse_time(metadata["creationTimestamp"]),
                    clients=self.clients(audit=Audit(log=log), measured=measured),
                    log=log,
                    measurements=measured,
                )
            )
        except StepError as error:
            return error.exit, str(error)
        return Exit.DONE, measured.values[REPORT]
