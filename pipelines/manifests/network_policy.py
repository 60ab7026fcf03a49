"""The NetworkPolicy of the steps' pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.manifests.rbac import _metadata
from pipelines.names import APP, STEPS_ACCOUNT

if TYPE_CHECKING:
    from pipelines.settings import Settings


def network_policy_manifest(settings: Settings) -> dict[str, Any]:
    """The steps' pods take no connections and make none but DNS, the API server, GitHub or its proxy, and traces."""
    traces = {settings.tracing.port} if settings.tracing.endpoint else set()
    ports = sorted({443, 6443, settings.github.port} | traces)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(STEPS_ACCOUNT, settings.namespaces.workflows),
        "spec": {
            "podSelector": {"matchLabels": dict(APP)},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [
                {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
                {"ports": [{"protocol": "TCP", "port": port} for port in ports]},
            ],
        },
    }
