"""The NetworkPolicy of the steps' pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubernetes.client import (
    V1LabelSelector,
    V1NetworkPolicy,
    V1NetworkPolicyEgressRule,
    V1NetworkPolicyPort,
    V1NetworkPolicySpec,
)

from pipelines.manifests.kubernetes_objects import object_metadata, plain_manifest
from pipelines.names import APP, STEPS_ACCOUNT

if TYPE_CHECKING:
    from pipelines.settings import Settings


def network_policy_manifest(settings: Settings) -> dict[str, Any]:
    """Build the NetworkPolicy.

    The pods accept no connections. They open connections only to DNS, the API server, GitHub or its proxy, and the
    traces' collector.
    """
    traces = {settings.tracing.port} if settings.tracing.endpoint else set()
    ports = sorted({*settings.workflow.api_server_ports, settings.github.port} | traces)
    names = sorted(set(settings.workflow.dns_ports))
    dns = [V1NetworkPolicyPort(protocol=protocol, port=port) for port in names for protocol in ("UDP", "TCP")]
    servers = [V1NetworkPolicyPort(protocol="TCP", port=port) for port in ports]
    return plain_manifest(
        V1NetworkPolicy(
            api_version="networking.k8s.io/v1",
            kind="NetworkPolicy",
            metadata=object_metadata(STEPS_ACCOUNT, namespace=settings.namespaces.workflows),
            spec=V1NetworkPolicySpec(
                pod_selector=V1LabelSelector(match_labels=dict(APP)),
                policy_types=["Ingress", "Egress"],
                egress=[V1NetworkPolicyEgressRule(ports=dns), V1NetworkPolicyEgressRule(ports=servers)],
            ),
        )
    )
