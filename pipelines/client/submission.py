"""Submitting a cancellation by hand, and waiting for it properly.

Guarantees: waiting ends only when the Workflow has ended (one that waits for its task's mutex is Pending, which is not
an end). What is submitted is steps.cancellation.workflow's. Two ways lead to a cluster: Argo Server
(pipelines.client.argo_server) and a kubeconfig (KubernetesApi below).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from steps.cancellation import SUPERSEDED_BY
from steps.core import Exit, UnavailableError
from steps.kube import WORKFLOWS
from steps.telemetry import REPORT, WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.core import Clock
    from steps.kube import Kube

_ENDED = ("Succeeded", "Failed", "Error")
_EXIT_CODE = re.compile(r"code:? (\d+)\b")
_POLL_S = 2.0
# A laptop's network may be away for a while; the Workflow does not mind.
_PATIENCE = 30

Json = dict[str, Any]


class Cluster(Protocol):
    """What submitting needs of a cluster."""

    def create(self, workflow: Json) -> Json:
        """Create a Workflow."""
        ...

    def get(self, name: str) -> Json:
        """Read a Workflow."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesApi:
    """A cluster that is reached by a kubeconfig."""

    kube: Kube
    namespace: str

    def create(self, workflow: Json) -> Json:
        """Create a Workflow."""
        return self.kube.create(
            WORKFLOWS, namespace=self.namespace, body=workflow, reason=WriteReason(cause=WriteCause.SUBMIT)
        )

    def get(self, name: str) -> Json:
        """Read a Workflow."""
        return self.kube.get(WORKFLOWS, namespace=self.namespace, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionResult:
    """How a Workflow ended.

    Attributes:
        phase: Argo's phase, or `Superseded` if it was ended while it waited, its push having been answered by another.
        exit: 0 if it succeeded or was superseded; else the exit code of the step that failed, or 1 if none can be told.
        report: What it did, or would have done, in lines for people; empty if it left none.
    """

    name: str
    phase: str
    message: str
    exit: int
    report: str = ""


def wait_for_workflow(
    name: str, *, cluster: Cluster, clock: Clock, deadline_s: float, tell: Callable[[str], None]
) -> SubmissionResult:
    """Wait until a Workflow has ended.

    Args:
        name: The Workflow.
        cluster: Where it is.
        clock: Time.
        deadline_s: Give up (exit 75) after this long; the Workflow goes on.
        tell: Called with what it is doing whenever that changes.

    Raises:
        NotFoundError: It is gone, or never was.
    """
    deadline = clock.monotonic() + deadline_s
    told, silent = "", 0
    while True:
        try:
            found = cluster.get(name)
            silent = 0
        except UnavailableError:
            silent += 1
            if silent > _PATIENCE:
                raise
            found = {}
        status = found.get("status") or {}
        phase, message = status.get("phase") or "Pending", status.get("message") or ""
        if phase in _ENDED and (winner := _labels(found).get(SUPERSEDED_BY)):
            return SubmissionResult(name=name, phase="Superseded", message=f"answered by {winner}", exit=Exit.DONE)
        if phase in _ENDED:
            return SubmissionResult(
                name=name, phase=phase, message=_reason(status), exit=workflow_exit_code(status), report=_report(status)
            )
        doing = f"{phase}: {message}" if message else phase
        if doing != told and not silent:
            tell(doing)
            told = doing
        if clock.monotonic() >= deadline:
            return SubmissionResult(
                name=name, phase=phase, message=f"not done after {deadline_s:g} s", exit=Exit.TRY_AGAIN
            )
        clock.sleep(_POLL_S)


def _labels(workflow: Json) -> dict[str, str]:
    return workflow.get("metadata", {}).get("labels") or {}


def _failures(status: Json) -> list[str]:
    """Messages of the nodes that failed, the latest last."""
    nodes = sorted((status.get("nodes") or {}).values(), key=lambda node: node.get("finishedAt") or "")
    return [node.get("message") or "" for node in nodes if node.get("phase") in ("Failed", "Error")]


def workflow_exit_code(status: Json) -> int:
    """The exit code that a Workflow's status comes to."""
    if status.get("phase") == "Succeeded":
        return Exit.DONE
    told = [int(code) for message in _failures(status) for code in _EXIT_CODE.findall(message)]
    ours = [code for code in told if code in (Exit.BAD_INPUT, Exit.FORBIDDEN, Exit.TRY_AGAIN)]
    return ours[-1] if ours else Exit.BUG


def _report(status: Json) -> str:
    """What the last attempt left for people, if it succeeded."""
    nodes = [node for node in (status.get("nodes") or {}).values() if node.get("phase") == "Succeeded"]
    left = {
        node.get("finishedAt") or "": output.get("value", "")
        for node in nodes
        for output in (node.get("outputs") or {}).get("parameters") or ()
        if output["name"] == REPORT
    }
    return str(left[max(left)]) if left else ""


def _reason(status: Json) -> str:
    failures = [message for message in _failures(status) if message]
    return failures[-1] if failures else status.get("message") or ""
