"""The holder of a Lease, and the check whether it is dead.

A holder is a pod of a Workflow; the pod of a retry is a new holder. A pod that does not exist, has another uid, or has
ended cannot renew, so its Lease is free at once, before it expires. Not guaranteed: that a force-deleted pod on an
unreachable node has stopped. Fencing epochs cover that.
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
    """A pod that runs steps, or a process outside the cluster.

    Attributes:
        pod: Name of the pod, in the workflows' namespace; empty for a process outside the cluster.
        pod_uid: uid of the pod; for a process outside the cluster, a unique id.
        workflow_uid: uid of the Workflow; for a process outside the cluster, its user.
    """

    pod: str
    pod_uid: str
    workflow_uid: str

    def __str__(self) -> str:
        """Return the Lease's holderIdentity."""
        return f"{self.workflow_uid}/{self.pod_uid}/{self.pod}"


def holder_pod(identity: str) -> tuple[str, str] | None:
    """Return the name and uid of the pod in a holderIdentity; None if it has no pod."""
    _, _, rest = identity.partition("/")
    uid, _, name = rest.partition("/")
    return (name, uid) if name and uid else None


def is_holder_dead(identity: str, *, kube: Kube, namespace: str) -> bool:
    """Whether a holder has provably ended; False also means that this is unknown.

    Args:
        identity: A Lease's holderIdentity.
        kube: The API server.
        namespace: Namespace of the holders' pods.
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
