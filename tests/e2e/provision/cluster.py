"""One real cluster on this machine: up, down, and its status.

Guarantees: `up` on a running cluster only brings the installation up to date, `up` after a crash starts afresh, and
`down` leaves nothing but the caches. Not guaranteed: that it outlives a day (its certificates do not) or a reboot.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.settings import Settings
from tests.doubles.platform.client import Client
from tests.doubles.platform.platform import install_crd
from tests.e2e.provision import argo, box, existing, network, node
from tests.e2e.provision.argo import Options
from tests.e2e.provision.box import Box
from tests.e2e.provision.existing import Existing
from tests.e2e.provision.folders import folders, say
from tests.e2e.provision.images import Images, images
from tests.e2e.provision.network import Network
from tests.e2e.provision.packages import install_packages
from tests.e2e.provision.programs import programs
from tests.e2e.provision.readiness import ClusterError, leads, until
from tests.e2e.provision.starting import apply, boot, install_all, until_webhooks_are_taken
from tests.e2e.support.installation import Kubectl, install, prepare, settings_for
from tests.integration.control_plane.binaries import lock

_FILE = "cluster.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running cluster.

    Attributes:
        host: This machine's address, as pods reach it.
        image: Name of the steps' image.
        agent_image: Name of the image that agents run.
        argo_namespace: Where Argo's controller and server are.
        folder: Where its settings and manifests are.
        own: Whether this tier made it, so that its servers may be killed and its network cut.
    """

    kubeconfig: Path
    folder: Path
    host: str
    settings: Settings
    image: str
    agent_image: str
    argo_namespace: str = argo.NAMESPACE
    own: bool = True

    @property
    def kubectl(self) -> Kubectl:
        """Run kubectl as the administrator."""
        return Kubectl(kubeconfig=self.kubeconfig)

    def client(self) -> Client:
        """A client of the administrator's."""
        return Client.from_kubeconfig(self.kubeconfig, user_agent="cluster-tests")

    @property
    def box(self) -> Box:
        """The namespaces that it runs in."""
        found = box.find(folders().run) if self.own else None
        if found is None:
            raise ClusterError("the cluster has been ended, or is not this tier's own")
        return found

    def processes(self) -> str:
        """The command lines of all its processes, those in pods too."""
        return self.box.run("ps", "-eo", "args")

    @property
    def argo_command(self) -> Path:
        """The `argo` command."""
        return programs().workflows / "argo" if self.own else existing.argo_command()

    @property
    def webhook(self) -> str:
        """Where the EventSource takes webhooks."""
        source, namespace = self.settings.events.event_source, self.settings.namespaces.events
        return f"http://{self.reach(f'{source}-eventsource-svc', namespace=namespace, port=12000)}/github/webhook"

    def reach(self, service: str, *, namespace: str, port: int) -> str:
        """Host and port by which this machine reaches a service."""
        if not self.own:
            return existing.forward(self.kubectl.command(), service=service, namespace=namespace, port=port)
        ip = self.kubectl("-n", namespace, "get", "service", service, "--output=jsonpath={.spec.clusterIP}")
        return f"{ip}:{port}"


def up(options: Options | None) -> Cluster:
    """Start the cluster, or bring the running one up to date; without options, the running one stays as it is.

    Raises:
        ClusterError: It did not become ready.
    """
    if known := existing.given():
        return _joined(known)
    if os.geteuid() != 0:
        raise ClusterError("a real cluster makes namespaces and cgroups: run this as root")
    began = time.monotonic()
    with lock(folders().root / "cluster.lock"):
        install_packages()
        built = programs()
        made = images(built)
        state, found = _state(), box.find(folders().run)
        if found is None or state is None:
            down_locked()
            _write(boot(built, made), options or Options())
        else:
            node.load(found, made.all())
            _write(Network(number=state["network"]["number"]), options or Options(**state["options"]))
        cluster = _cluster(made)
        state = _state() or {}
        addresses = Network(number=state["network"]["number"])
        install_all(cluster, made, addresses, options=Options(**state["options"]))
    say(f"ready after {time.monotonic() - began:.0f} s: export KUBECONFIG={folders().kubeconfig}")
    return cluster


def _joined(known: Existing) -> Cluster:
    """Install the project in a cluster that somebody else runs."""
    folder = folders().root / "cluster-existing"
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings_for(known.host, known.image, folder=folder)
    cluster = Cluster(
        kubeconfig=known.kubeconfig,
        folder=folder,
        host=known.host,
        settings=settings,
        image=known.image,
        agent_image=known.agent_image,
        argo_namespace=known.argo_namespace,
        own=False,
    )
    client = cluster.client()
    install_crd(client)
    client.close()
    prepare(cluster.kubectl, settings)
    install(cluster.kubectl, settings, folder=folder / "rendered")
    until_webhooks_are_taken(cluster)
    return cluster


def configure(cluster: Cluster, options: Options) -> None:
    """Let Argo's controller run with other options, unless it is somebody else's; everything else stays as it is.

    Raises:
        ClusterError: It did not become ready.
    """
    if not cluster.own:
        return
    state = _state()
    assert state is not None
    if Options(**state["options"]) == options:
        return
    managed = cluster.settings.namespaces.workflows
    if not options.everywhere:
        argo.remove_access_everywhere(cluster.kubectl)
    apply(cluster.kubectl, argo.workflows(images(programs()), managed=managed, options=options))
    client = cluster.client()
    until(lambda: leads(client, argo.NAMESPACE), box=cluster.box, what=f"Argo's controller leads with {options}")
    client.close()
    _write(Network(number=state["network"]["number"]), options)


def down() -> None:
    """End the cluster, whatever state it is in."""
    with lock(folders().root / "cluster.lock"):
        down_locked()


def down_locked() -> None:
    """End the cluster."""
    if folders().run.exists() or box.find(folders().run):
        say("removing the cluster that runs here, or what is left of one")
    box.close(folders().run)
    network.remove_cable()
    shutil.rmtree(folders().run, ignore_errors=True)


def status() -> dict[str, Any]:
    """What runs, what has ended by itself, and where."""
    found, state = box.find(folders().run), _state()
    if found is None:
        return {"up": False, "leftovers": folders().run.exists()}
    known = {"up": state is not None, "process": found.pid, "running": found.running(), "ended": found.ended()}
    return known | {"kubeconfig": str(folders().kubeconfig), **(state or {})}


def _state() -> dict[str, Any] | None:
    """What was written when the cluster had come up."""
    try:
        state: dict[str, Any] = json.loads((folders().run / _FILE).read_text())
    except FileNotFoundError:
        return None
    return state


def _write(addresses: Network, options: Options) -> None:
    (folders().run / _FILE).write_text(json.dumps({"network": asdict(addresses), "options": asdict(options)}))


def _cluster(made: Images) -> Cluster:
    state = _state()
    if state is None:
        raise ClusterError("there is no cluster: make cluster-up")
    host, image = Network(number=state["network"]["number"]).machine, made.steps.name
    return Cluster(
        kubeconfig=folders().kubeconfig,
        folder=folders().run,
        host=host,
        settings=settings_for(host, image, folder=folders().run),
        image=image,
        agent_image=made.python.name,
    )
