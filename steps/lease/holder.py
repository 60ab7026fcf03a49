"""Who holds a Lease, and when that one is certainly dead.

A holder is a pod of a Workflow: both containers of the pod share one hold, and the pod of a retry is a new holder. A
pod that the API server no longer knows, knows under another uid, or reports as ended cannot renew, so its hold ends at
once instead of after the Lease's duration. The residual risk, a force-deleted pod on an unreachable node, is what
epochs fence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.core import NotFoundError
from steps.kube import PODS

if TYPE_CHECKING:
    from steps.kube import Kube

_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A pod that runs steps.

    Attributes:
        pod: Name of the pod, in the workflows' namespace; empty for a process outside the cluster.
        pod_uid: uid of the pod; of a process outside, anything unique to it.
        workflow_uid: uid of the Workflow, or who runs the process outside.
    """

    pod: str
    pod_uid: str
    workflow_uid: str

    def __str__(self) -> str:
        """The Lease's holderIdentity."""
        return f"{self.workflow_uid}/{self.pod_uid}/{self.pod}"


def holder_pod(identity: str) -> tuple[str, str] | None:
    """(name, uid) of the pod that a holderIdentity names; None if it names none."""
    _, _, rest = identity.partition("/")
    uid, _, name = rest.partition("/")
    return (name, uid) if name and uid else None


def is_holder_dead(identity: str, *, kube: Kube, namespace: str) -> bool:
    """Whether a holder has provably ended; False also means "cannot tell".

    Args:
        identity: A Lease's holderIdentity.
        kube: The API server.
        namespace: Where the holders' pods run.
    """
    holder = holder_pod(identity)
    if holder is None:
        return False
    name, uid = holder
    try:
        pod = kube.get(PODS, namespace=namespace, name=name)
    except NotFoundError:
        return True
    return bool(pod["metadata"]["uid"] != uid) or pod.get("status", {}).get("phase") in _ENDED
