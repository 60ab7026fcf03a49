"""Wait for a Workflow that was submitted by hand.

Guarantees that waiting ends only when the Workflow has ended: a Workflow that waits for its task's mutex is Pending and
has not ended. `steps.cancellation` builds the Workflow. Two clusters exist: Argo Server
(`pipelines.client.argo_server`) and the API server of a kubeconfig (`KubernetesApi`).
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
# Failed reads in a row before waiting ends: a laptop's network may be away for a while, and the Workflow continues.
_MAX_FAILED_READS = 30

Json = dict[str, Any]


class Cluster(Protocol):
    """A cluster to which Workflows are submitted."""

    def create(self, workflow: Json) -> Json:
        """Create a Workflow."""
        ...

    def get(self, name: str) -> Json:
        """Read a Workflow."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesApi:
    """The API server of a kubeconfig."""

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
    """Outcome of a Workflow.

    Attributes:
        phase: Argo's phase, or `Superseded` if another Workflow handled its push while it waited.
        exit: 0 if it succeeded or was superseded; else the exit code of the failed step, or 1 if that is unknown.
        report: Report for people of what it did, or would have done; may be empty.
    """

    name: str
    phase: str
    message: str
    exit: int
    report: str = ""


def wait_for_workflow(
    name: str, *, cluster: Cluster, clock: Clock, deadline_s: float, progress: Callable[[str], None]
) -> SubmissionResult:
    """Wait until a Workflow has ended.

    Args:
        name: Name of the Workflow.
        cluster: Cluster of the Workflow.
        clock: Time.
        deadline_s: Stop waiting (exit 75) after this long; the Workflow continues.
        progress: Called with each new phase and message.

    Raises:
        NotFoundError: The Workflow does not exist.
        UnavailableError: The cluster has not answered for a minute.
    """
    deadline = clock.monotonic() + deadline_s
    shown, failed_reads = "", 0
    while True:
        try:
            found = cluster.get(name)
            failed_reads = 0
        except UnavailableError:
            failed_reads += 1
            if failed_reads > _MAX_FAILED_READS:
                raise
            found = {}
        status = found.get("status") or {}
        phase, message = status.get("phase") or "Pending", status.get("message") or ""
        if phase in _ENDED and (winner := _labels(found).get(SUPERSEDED_BY)):
            return SubmissionResult(name=name, phase="Superseded", message=f"superseded by {winner}", exit=Exit.DONE)
        if phase in _ENDED:
            return SubmissionResult(
                name=name, phase=phase, message=_reason(status), exit=workflow_exit_code(status), report=_report(status)
            )
        state = f"{phase}: {message}" if message else phase
        if state != shown and not failed_reads:
            progress(state)
            shown = state
        if clock.monotonic() >= deadline:
            return SubmissionResult(
                name=name, phase=phase, message=f"not done after {deadline_s:g} s", exit=Exit.TRY_AGAIN
            )
        clock.sleep(_POLL_S)


def _labels(workflow: Json) -> dict[str, str]:
    return workflow.get("metadata", {}).get("labels") or {}


def _failures(status: Json) -> list[str]:
    """List the messages of the failed nodes, the latest last."""
    nodes = sorted((status.get("nodes") or {}).values(), key=lambda node: node.get("finishedAt") or "")
    return [node.get("message") or "" for node in nodes if node.get("phase") in ("Failed", "Error")]


def workflow_exit_code(status: Json) -> int:
    """Derive the exit code from a Workflow's status."""
    if status.get("phase") == "Succeeded":
        return Exit.DONE
    codes = [int(code) for message in _failures(status) for code in _EXIT_CODE.findall(message)]
    known = [code for code in codes if code in (Exit.BAD_INPUT, Exit.FORBIDDEN, Exit.TRY_AGAIN)]
    return known[-1] if known else Exit.BUG


def _report(status: Json) -> str:
    """Return the report of the last successful attempt; empty without one."""
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
