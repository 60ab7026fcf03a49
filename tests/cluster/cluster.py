"""One real cluster on this machine: up, down, and what it is like now.

Guarantees: `up` on a running cluster only brings the installation up to date, `up` after a crash starts afresh, and
`down` leaves nothing but the caches. Not guaranteed: that it outlives a day (its certificates do not) or a reboot.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.settings import Settings
from tests.cluster import argo, box, network, node
from tests.cluster.argo import Options
from tests.cluster.box import Box
from tests.cluster.folders import folders, say
from tests.cluster.images import Images, images
from tests.cluster.installation import Kubectl, settings_for
from tests.cluster.network import Network
from tests.cluster.packages import install_packages
from tests.cluster.programs import programs
from tests.cluster.readiness import ClusterError, leads, until
from tests.cluster.starting import apply, boot, install_all
from tests.control_plane.binaries import lock
from tests.doubles.platform.client import Client

_FILE = "cluster.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running cluster."""

    network: Network
    settings: Settings
    images: Images

    @property
    def kubectl(self) -> Kubectl:
        """Run kubectl as the administrator."""
        return Kubectl(kubeconfig=folders().kubeconfig)

    def client(self) -> Client:
        """A client of the administrator's."""
        return Client.from_kubeconfig(folders().kubeconfig, user_agent="cluster-tests")

    @property
    def box(self) -> Box:
        """The namespaces that it runs in."""
        found = box.find(folders().run)
        if found is None:
            raise ClusterError("the cluster has been ended")
        return found

    def processes(self) -> str:
        """The command lines of all its processes, those in pods too."""
        return self.box.run("ps", "-eo", "args")

    @property
    def webhook(self) -> str:
        """Where the EventSource takes webhooks."""
        source, namespace = self.settings.events.event_source, self.settings.namespaces.events
        return f"http://{self.address(f'{source}-eventsource-svc', namespace=namespace)}:12000/github/webhook"

    def address(self, service: str, *, namespace: str) -> str:
        """A service's address, which this machine can reach."""
        return self.kubectl("-n", namespace, "get", "service", service, "--output=jsonpath={.spec.clusterIP}")


def up(options: Options | None) -> Cluster:
    """Start the cluster, or bring the running one up to date; without options, the running one stays as it is.

    Raises:
        ClusterError: It did not become ready.
    """
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
            node.load(found, made)
            _write(Network(number=state["network"]["number"]), options or Options(**state["options"]))
        cluster = _cluster(made)
        install_all(cluster, options=Options(**(_state() or {})["options"]))
    say(f"ready after {time.monotonic() - began:.0f} s: export KUBECONFIG={folders().kubeconfig}")
    return cluster


def configure(cluster: Cluster, options: Options) -> None:
    """Let Argo's controller run with other options; everything else stays as it is.

    Raises:
        ClusterError: It did not become ready.
    """
    state = _state()
    assert state is not None
    if Options(**state["options"]) == options:
        return
    managed = cluster.settings.namespaces.workflows
    apply(cluster.kubectl, argo.workflows(cluster.images, managed=managed, options=options))
    client = cluster.client()
    until(lambda: leads(client, argo.NAMESPACE), box=cluster.box, what=f"Argo's controller leads with {options}")
    client.close()
    _write(cluster.network, options)


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
    addresses = Network(number=state["network"]["number"])
    settings = settings_for(addresses, made.steps, folder=folders().run)
    return Cluster(network=addresses, settings=settings, images=made)
