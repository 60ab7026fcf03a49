"""How the servers of a control plane are started: their flags, and nothing else."""

from pathlib import Path

from tests.integration.control_plane.binaries import Binaries
from tests.integration.control_plane.pki import Authority, Pair

LOOPBACK = "127.0.0.1"
CONTROLLERS = (
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "ttl-after-finished-controller",
)


def etcd_command(programs: Binaries, folder: Path, client_url: str, peer_url: str) -> list[str]:
    """Return the command that starts etcd."""
    return [
        str(programs.etcd),
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
    ]


def apiserver_command(  # noqa: PLR0917 - one argument for each flag
    programs: Binaries, authority: Authority, serving: Pair, tokens: Pair, etcd_url: str, port: int
) -> list[str]:
    """Return the command that starts the API server."""
    return [
        str(programs.apiserver),
        f"--etcd-servers={etcd_url}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={port}",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={authority.certificate}",
        "--authorization-mode=RBAC",
        f"--service-account-key-file={tokens.certificate}",
        f"--service-account-signing-key-file={tokens.key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--profiling=false",
        # Pages come from etcd, so that compacting etcd lets continue tokens expire as they do in a long-lived cluster.
        "--feature-gates=ListFromCacheSnapshot=false",
    ]


def manager_command(programs: Binaries, authority: Authority, tokens: Pair, kubeconfig: Path) -> list[str]:
    """Return the command that starts the few controllers that tests need, as the administrator."""
    return [
        str(programs.controller_manager),
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(CONTROLLERS)}",
        f"--service-account-private-key-file={tokens.key}",
        f"--root-ca-file={authority.certificate}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
