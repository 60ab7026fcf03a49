"""The node: containerd with runc, a bridge for pods, and the kubelet.

Guarantees: everything they write is in the cluster's folder, in the cache of unpacked images, or in the cluster's own
namespaces. Not there: network policies, which the bridge does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tests.e2e.provision.box import CGROUP, Box, BoxError
from tests.e2e.provision.images import Image, Images
from tests.e2e.provision.kubernetes import NODE, Identities
from tests.e2e.provision.network import Network
from tests.e2e.provision.programs import Programs

_BRIDGE = {"cniVersion": "1.0.0", "name": "pods"}


def socket(folder: Path) -> Path:
    """Where containerd listens."""
    return folder / "containerd.sock"


def containerd(folder: Path, *, content: Path, pause: Image, network: Network) -> list[str]:
    """Write containerd's configuration; the command that starts it."""
    cni = folder / "cni"
    cni.mkdir(exist_ok=True)
    addresses = {
        "type": "host-local",
        "dataDir": str(folder / "addresses"),
        "ranges": [[{"subnet": network.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "pods0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": addresses,
    }
    (cni / "10-pods.conflist").write_text(json.dumps(_BRIDGE | {"plugins": [bridge]}))
    configuration = folder / "containerd.toml"
    configuration.write_text(
        f"""version = 2
root = "{content}"
state = "{folder}/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{socket(folder)}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause.name}"
  # Without CAP_SYS_RESOURCE no process may lower it, and runc fails.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""
    )
    return ["containerd", "--config", str(configuration)]


def kubelet_configuration(folder: Path) -> Path:
    """Where the kubelet's configuration is."""
    return folder / "kubelet.json"


def volumes(folder: Path, *, pod: str) -> Path:
    """Where the kubelet keeps the empty volumes of a pod, by its uid."""
    return folder / "kubelet/pods" / pod / "volumes/kubernetes.io~empty-dir"


def kubelet(programs: Programs, known: Identities, network: Network) -> list[str]:
    """Write the kubelet's configuration; the command that starts it."""
    folder = known.folder
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(known.authority.certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(known.kubelet_serving.certificate),
        "tlsPrivateKeyFile": str(known.kubelet_serving.key),
        "containerRuntimeEndpoint": f"unix://{socket(folder)}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        # The machine's disk and memory are not the cluster's to judge.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "maxPods": 200,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        "podLogsDir": str(folder / "pod-logs"),
        "volumePluginDir": str(folder / "volume-plugins"),
        "staticPodPath": "",
        # There is no DNS server, and this machine's is nothing for pods.
        "resolvConf": "",
    }
    path = kubelet_configuration(folder)
    path.write_text(json.dumps(configuration))
    return [
        str(programs.kubernetes / "kubelet"),
        f"--config={path}",
        f"--kubeconfig={known.kubeconfig('kubelet')}",
        f"--root-dir={folder / 'kubelet'}",
        f"--hostname-override={NODE}",
        f"--node-ip={network.node}",
    ]


def load(box: Box, images: Iterable[Image]) -> None:
    """Let containerd have the images that it does not have yet."""
    known = _ctr(box, "images", "list", "--quiet").split()
    for image in images:
        if image.name not in known:
            _ctr(box, "images", "import", str(image.archive))


def forget(box: Box, images: Images) -> None:
    """Forget what an earlier cluster has left in containerd: its containers, and images that have been replaced."""
    for container in _ctr(box, "containers", "list", "--quiet").split():
        _ctr(box, "containers", "delete", container)
    wanted = {image.name for image in images.all()}
    for name in _ctr(box, "images", "list", "--quiet").split():
        if name not in wanted:
            _ctr(box, "images", "delete", name)


def answers(box: Box) -> bool:
    """Whether containerd is ready."""
    try:
        _ctr(box, "version")
    except BoxError:
        return False
    return True


def _ctr(box: Box, *arguments: str) -> str:
    return box.run("ctr", "--address", str(socket(box.folder)), "--namespace", "k8s.io", *arguments)
