"""How the servers of Kubernetes are started: their identities and flags.

Guarantees: each server acts as the system user that Kubernetes itself defines for it; none is the administrator.
Not guaranteed: durability of etcd's data, which lives as long as the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.e2e.provision.network import Network
from tests.e2e.provision.programs import Programs
from tests.integration.control_plane.commands import etcd_command
from tests.integration.control_plane.pki import Authority, Pair, signing_pair
from tests.integration.control_plane.server import MASTERS, write_kubeconfig

NODE = "agent-cancellation-node"
PORT = 6443
_ETCD = "http://127.0.0.1:2379"
_ETCD_PEER = "http://127.0.0.1:2380"
# Who asks the kubelet for logs on behalf of the API server; bound to a role below.
_KUBELET_CLIENT = "kube-apiserver-kubelet-client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Certificates and kubeconfigs of one cluster, all in its folder."""

    folder: Path
    authority: Authority
    tokens: Pair
    serving: Pair
    kubelet_serving: Pair
    kubelet_client: Pair

    def kubeconfig(self, name: str) -> Path:
        """The kubeconfig of a server."""
        return self.folder / f"{name}.kubeconfig"


def identities(folder: Path, network: Network) -> Identities:
    """Issue every certificate."""
    authority = Authority(folder)
    url = f"https://{network.node}:{PORT}"
    users = {
        "admin": ("admin", MASTERS),
        "controller-manager": ("system:kube-controller-manager", ""),
        "scheduler": ("system:kube-scheduler", ""),
        "proxy": ("system:kube-proxy", ""),
        "kubelet": (f"system:node:{NODE}", "system:nodes"),
    }
    for name, (user, group) in users.items():
        pair = authority.issue(user, organisation=group, file_name=name)
        write_kubeconfig(folder / f"{name}.kubeconfig", url=url, authority=authority, user=pair)
    addresses = (network.node, network.api_service)
    return Identities(
        folder=folder,
        authority=authority,
        tokens=signing_pair(folder),
        serving=authority.issue("kube-apiserver", file_name="apiserver", addresses=addresses),
        kubelet_serving=authority.issue(f"system:node:{NODE}", file_name="kubelet-serving", addresses=addresses),
        kubelet_client=authority.issue(_KUBELET_CLIENT, file_name="kubelet-client"),
    )


def roles() -> list[dict[str, object]]:
    """What has to be bound to those identities besides what Kubernetes binds itself."""
    granted = {
        "kube-proxy": ("system:node-proxier", "system:kube-proxy"),
        "kubelet-api": ("system:kubelet-api-admin", _KUBELET_CLIENT),
    }
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"agent-cancellation-tests-{name}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        }
        for name, (role, user) in granted.items()
    ]


def etcd(programs: Programs, folder: Path) -> list[str]:
    """The command that starts etcd."""
    return etcd_command(programs.control_plane, folder, _ETCD, _ETCD_PEER)


def apiserver(programs: Programs, known: Identities, network: Network) -> list[str]:
    """The command that starts the API server."""
    return [
        str(programs.control_plane.apiserver),
        f"--etcd-servers={_ETCD}",
        f"--secure-port={PORT}",
        f"--advertise-address={network.node}",
        f"--tls-cert-file={known.serving.certificate}",
        f"--tls-private-key-file={known.serving.key}",
        f"--client-ca-file={known.authority.certificate}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--service-account-key-file={known.tokens.certificate}",
        f"--service-account-signing-key-file={known.tokens.key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={network.services}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-certificate-authority={known.authority.certificate}",
        f"--kubelet-client-certificate={known.kubelet_client.certificate}",
        f"--kubelet-client-key={known.kubelet_client.key}",
        "--profiling=false",
    ]


def controller_manager(programs: Programs, known: Identities) -> list[str]:
    """The command that starts the controllers, each under its own service account."""
    return [
        str(programs.control_plane.controller_manager),
        f"--kubeconfig={known.kubeconfig('controller-manager')}",
        f"--service-account-private-key-file={known.tokens.key}",
        f"--root-ca-file={known.authority.certificate}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--kube-api-qps=100",
        "--kube-api-burst=200",
    ]


def scheduler(programs: Programs, known: Identities) -> list[str]:
    """The command that starts the scheduler."""
    return [
        str(programs.kubernetes / "kube-scheduler"),
        f"--kubeconfig={known.kubeconfig('scheduler')}",
        "--leader-elect=false",
    ]


def proxy(programs: Programs, known: Identities, network: Network) -> list[str]:
    """The command that starts the service proxy."""
    return [
        str(programs.kubernetes / "kube-proxy"),
        f"--kubeconfig={known.kubeconfig('proxy')}",
        f"--cluster-cidr={network.pods}",
        f"--hostname-override={NODE}",
        # Answers from a pod of the same bridge would not pass the packet filter, and arrive from the wrong address.
        "--masquerade-all",
        # Limits of the whole machine are not the cluster's to change.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]
