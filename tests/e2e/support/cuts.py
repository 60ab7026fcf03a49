"""Cuts in the network: a step's pod, or all of them, no longer reaches something, as behind a partition.

Guarantees: packets are dropped, not refused, so no client gets an error; connections that are open go silent as well;
what was cut is restored when the context is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.provision.box import Box
from tests.e2e.support.installation import GITHUB_PORT
from tests.e2e.support.pods import step_pods
from tests.e2e.support.stage import Stage

# To the node itself, where the API server is; and to what is beyond it, where GitHub is.
_TO_THE_NODE, _BEYOND = "INPUT", "FORWARD"


@contextmanager
def cut_off_from_the_api_server(stage: Stage, workflow: str) -> Iterator[None]:
    """Let a Workflow's pod reach nothing on the node, until the context is left."""
    (pod,) = step_pods(stage, workflow)
    with _dropped(stage.cluster.box, _TO_THE_NODE, "--source", pod["status"]["podIP"]):
        yield


@contextmanager
def github_cut_off(stage: Stage) -> Iterator[None]:
    """Let no pod reach GitHub, until the context is left."""
    with _dropped(stage.cluster.box, _BEYOND, "--protocol", "tcp", "--destination-port", str(GITHUB_PORT)):
        yield


@contextmanager
def _dropped(box: Box, chain: str, *which: str) -> Iterator[None]:
    box.run("iptables", "--insert", chain, "1", *which, "--jump", "DROP", namespaces="--net")
    try:
        yield
    finally:
        box.run("iptables", "--delete", chain, *which, "--jump", "DROP", namespaces="--net")
