"""The cluster's addresses, and the one cable between it and this machine.

Guarantees: the addresses overlap with no route of this machine; nothing but the cable is visible outside, and it is
gone with the cluster; every port of the cluster is its own, so none can be taken already.
Not there: a way from the cluster to any other network, and names: there is no DNS server.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
from dataclasses import dataclass

from tests.e2e.provision.box import Box

CABLE = "agentcancel0"


class NetworkError(Exception):
    """The network could not be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Addresses, all in one private network `10.<number>.0.0/16`."""

    number: int

    @property
    def machine(self) -> str:
        """This machine, as the cluster sees it; where the doubles serve."""
        return f"10.{self.number}.0.1"

    @property
    def node(self) -> str:
        """The cluster's only node, with the API server and the event bus."""
        return f"10.{self.number}.0.2"

    @property
    def pods(self) -> str:
        """Where pods get their addresses from."""
        return f"10.{self.number}.1.0/24"

    @property
    def services(self) -> str:
        """Where services get theirs."""
        return f"10.{self.number}.128.0/20"

    @property
    def api_service(self) -> str:
        """The API server, as pods see it."""
        return f"10.{self.number}.128.1"


def choose() -> Network:
    """Find addresses that are free here.

    Raises:
        NetworkError: There are none.
    """
    routes = json.loads(_ip("-json", "route", "show", "table", "all"))
    taken = [ipaddress.ip_network(each["dst"], strict=False) for each in routes if _is_network(each["dst"])]
    for number in range(213, 250):
        if not any(ipaddress.ip_network(f"10.{number}.0.0/16").overlaps(each) for each in taken if each.version == 4):
            return Network(number=number)
    raise NetworkError("no private network of 10.213.0.0 to 10.249.0.0 is free on this machine")


def connect(box: Box, network: Network) -> None:
    """Lay the cable."""

    def inside(*command: str) -> None:
        box.run(*command, namespaces="--net")

    remove_cable()
    _ip("link", "add", CABLE, "type", "veth", "peer", "name", "eth0", "netns", str(box.pid))
    _ip("address", "add", f"{network.machine}/30", "dev", CABLE)
    _ip("link", "set", CABLE, "up")
    inside("ip", "link", "set", "lo", "up")
    inside("ip", "address", "add", f"{network.node}/30", "dev", "eth0")
    inside("ip", "link", "set", "eth0", "up")
    inside("sysctl", "-qw", "net.ipv4.ip_forward=1")
    # For the API server, which calls webhooks by their service: kube-proxy replaces the address on the way out.
    inside("ip", "route", "add", network.services, "dev", "eth0")
    for target in (network.pods, network.services):
        _ip("route", "add", target, "via", network.node)


def remove_cable() -> None:
    """Remove the cable if it is still there; the kernel does so itself, but takes its time."""
    subprocess.run(["ip", "link", "delete", CABLE], capture_output=True, check=False)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NetworkError(f"ip {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout
