"""A node that runs out of disk: the kubelet notices, says so on the node, and evicts the pod that uses most.

Guarantees: only pods that have filled a volume are in danger, since the line is drawn far below what is free; no pod
that has finished is left, or the kubelet would first spend its time on removing their containers, and might then need
to evict none; when the context is left, the kubelet is as lax as before and every image is there, also those that it
has thrown away.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.doubles.platform.kubelet import FINISHED
from tests.e2e.provision import node
from tests.e2e.provision.images import images
from tests.e2e.provision.programs import programs
from tests.e2e.provision.readiness import until
from tests.e2e.support.stage import Stage

_GIB = 2**30
# What others on this machine may write or free meanwhile is less than either of these.
_SPARE, _FILLING = 4 * _GIB, 8 * _GIB


@contextmanager
def strict_kubelet(stage: Stage) -> Iterator[None]:
    """Let the kubelet evict once there are four GiB less than now, until the context is left."""
    box = stage.cluster.box
    _remove_finished_pods(stage)
    path = node.kubelet_configuration(box.folder)
    before = path.read_text()
    line = shutil.disk_usage(box.folder).free - _SPARE
    changes = {
        "evictionHard": json.loads(before)["evictionHard"] | {"nodefs.available": str(line)},
        # The kubelet then reads volumes more often than it decides about eviction, and ends the pressure at once.
        "volumeStatsAggPeriod": "2s",
        "evictionPressureTransitionPeriod": "1s",
    }
    path.write_text(json.dumps(json.loads(before) | changes))
    _restart(stage)
    try:
        yield
    finally:
        path.write_text(before)
        _restart(stage)
        until(lambda: not _is_short(stage), box=box, what="the node is short of nothing")
        node.load(box, images(programs()).all())


def fill(stage: Stage, pod: dict[str, Any]) -> None:
    """Write a big file into a volume that Argo gives to a pod."""
    box = stage.cluster.box
    volume = node.volumes(box.folder, pod=pod["metadata"]["uid"]) / "var-run-argo"
    box.run("fallocate", "--length", str(_FILLING), str(volume / "filling"))


def _remove_finished_pods(stage: Stage) -> None:
    path = f"/api/v1/namespaces/{stage.home}/pods"

    def finished() -> list[str]:
        pods = stage.client.ask("GET", path)["items"]
        return [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") in FINISHED]

    # One by one: a DELETE of hundreds takes longer than a request may.
    for name in finished():
        stage.client.request("DELETE", f"{path}/{name}")
    stage.until(lambda: not finished(), what="no finished pod is left")


def _restart(stage: Stage) -> None:
    stage.cluster.box.kill("kubelet")
    stage.cluster.box.start_again("kubelet")


def _is_short(stage: Stage) -> bool:
    """Whether the node says that it is short of disk; of its only condition of that kind."""
    (found,) = stage.client.ask("GET", "/api/v1/nodes")["items"]
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    return conditions.get("DiskPressure") != "False"
