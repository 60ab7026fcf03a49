"""Which pods OpenShift admits under its default constraint, `restricted-v2`.

Guarantees: a user that a pod or a container names is refused unless it lies in the range of the namespace; one that
nobody names is chosen from the range. Of the other rules, models privilege escalation, capabilities and seccomp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Json = dict[str, Any]


def refusals(pod: Json, containers: Iterable[Json], *, users: range) -> Iterator[str]:
    """Say why a pod is refused.

    Args:
        pod: The security context of the pod.
        containers: That of each container.
        users: The users of the namespace (`openshift.io/sa.scc.uid-range`).
    """
    contexts = [pod, *containers]
    for each in contexts:
        if each.get("runAsUser", users.start) not in users:
            yield f"runAsUser: must be in the ranges: [{users.start}, {users.stop - 1}]"
        if each.get("allowPrivilegeEscalation"):
            yield "allowPrivilegeEscalation: not allowed"
        if each.get("capabilities", {}).get("add"):
            yield "capabilities.add: not allowed"
        if each.get("seccompProfile", {"type": "RuntimeDefault"}) != {"type": "RuntimeDefault"}:
            yield "seccompProfile: not allowed"
