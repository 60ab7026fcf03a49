"""Starting the cluster: every server in its order, then Argo and the project, until all of it works.

Guarantees: what is installed twice is brought up to date; nothing returns before it works.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import urllib3

from tests.doubles.platform.client import Client
from tests.doubles.platform.platform import install_crd
from tests.e2e.provision import argo, box, kubernetes, network, node
from tests.e2e.provision.argo import Options
from tests.e2e.provision.definitions import definitions
from tests.e2e.provision.folders import folders, say
from tests.e2e.provision.images import Images
from tests.e2e.provision.network import Network
from tests.e2e.provision.programs import Programs
from tests.e2e.provision.readiness import ClusterError, deployed, leads, until
from tests.e2e.support.installation import Kubectl, KubectlError, install, prepare

if TYPE_CHECKING:
    from tests.e2e.provision.cluster import Cluster


def boot(built: Programs, made: Images) -> Network:
    """Start every server; the addresses that were chosen."""
    run, content = folders().run, folders().content
    run.mkdir(parents=True)
    addresses = network.choose()
    known = kubernetes.identities(run, addresses)
    found = box.open_box(run)
    network.connect(found, addresses)
    say(f"starting the servers (logs in {run})")
    found.start("etcd", kubernetes.etcd(built, run))
    found.start("apiserver", kubernetes.apiserver(built, known, addresses))
    found.start("containerd", node.containerd(run, content=content, pause=made.pause, network=addresses))
    until(lambda: node.answers(found), box=found, what="containerd answers")
    say("loading images")
    node.forget(found, made)
    node.load(found, made.all())
    kubectl = Kubectl(kubeconfig=folders().kubeconfig)
    client = Client.from_kubeconfig(folders().kubeconfig)
    until(lambda: client.request("GET", "/readyz").status == 200, box=found, what="the API server is ready")
    say("applying CRDs")
    # Before the controllers start: the garbage collector looks for new kinds only every 30 s.
    install_crd(client)
    kubectl("apply", "--server-side", "--force-conflicts", *(f"--filename={path}" for path in definitions()))
    apply(kubectl, kubernetes.roles())
    found.start("controller-manager", kubernetes.controller_manager(built, known))
    found.start("scheduler", kubernetes.scheduler(built, known))
    found.start("proxy", kubernetes.proxy(built, known, addresses))
    found.start("kubelet", node.kubelet(built, known, addresses))
    argo.bus(found, built, known, addresses)
    client.close()
    return addresses


def install_all(cluster: Cluster, made: Images, addresses: Network, *, options: Options) -> None:
    """Install Argo and the project, and wait until all of it works."""
    kubectl, settings, found = cluster.kubectl, cluster.settings, cluster.box
    say("installing Argo Workflows, Argo Events and agent-cancellation")
    prepare(kubectl, settings)
    kubectl("apply", "-f", "-", stdin=_json([_namespace(argo.NAMESPACE)]))
    spaces = settings.namespaces
    apply(kubectl, argo.workflows(made, managed=spaces.workflows, options=options))
    apply(kubectl, argo.events(made, addresses, namespace=spaces.events))
    install(kubectl, settings, folder=cluster.folder / "rendered")
    client = cluster.client()
    until(lambda: deployed(client, argo.NAMESPACE) == 2, box=found, what="Argo Workflows is deployed")
    until(lambda: leads(client, argo.NAMESPACE), box=found, what="Argo's controller leads")
    until(lambda: deployed(client, spaces.events) == 3, box=found, what="Argo Events is deployed")
    client.close()
    until_webhooks_are_taken(cluster)


def until_webhooks_are_taken(cluster: Cluster) -> None:
    """Wait until the EventSource answers.

    Raises:
        ClusterError: In vain.
    """
    until(lambda: _answers(cluster), box=cluster.box if cluster.own else None, what="the EventSource answers")


def _answers(cluster: Cluster) -> bool:
    """Whether the EventSource's service is there and leads to it; whatever it answers to no webhook at all."""
    try:
        return urllib3.request("GET", cluster.webhook, retries=False, timeout=2.0).status > 0
    except (KubectlError, ClusterError):
        return False


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def apply(kubectl: Kubectl, objects: list[dict[str, Any]]) -> None:
    """Apply objects as their only owner."""
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=_json(objects))


def _json(objects: list[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
