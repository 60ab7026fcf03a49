"""Other ways to answer the same webhook, through the same EventSource: what a user would write instead.

`script` is one pod with 30 lines of Python (tests/tools/bench/naive.py: a list, a DELETE each; faster than kubectl and
curl, see entry `push`). `dag` is the shape that the platform's own sketch has, four pods in a row, with that script in
one of them and nothing in the others. Neither knows a lock, a proof, labels or a record, so both are floors.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.manifests.cancel_workflow import workflow_template
from pipelines.manifests.sensor import sensor_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.provision.cluster import Cluster

Json = dict[str, Any]

_SCRIPT = (Path(__file__).parents[1] / "naive.py").read_text()
_MOUNTED = "/var/run/secrets/kubernetes.io/serviceaccount"
_PODS = ("claim", "cancel", "label", "record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to answer a push.

    Attributes:
        repository: Pushes to it are answered this way.
        pods: Names of its pods, which run one after the other; the script is in `cancel`.
    """

    name: str
    repository: str
    pods: tuple[str, ...]


SCRIPT = Way(name="bench-script", repository="5dlabs/bench-script", pods=("cancel",))
DAG = Way(name="bench-dag", repository="5dlabs/bench-dag", pods=_PODS)


@contextmanager
def installed(cluster: Cluster, *ways: Way) -> Iterator[None]:
    """Install these ways beside the project, until the context is left."""
    objects = [each for way in ways for each in (_template(way, cluster), _sensor(way, cluster))]
    text = _list(objects)
    cluster.kubectl("apply", "-f", "-", stdin=text)
    try:
        yield
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text)


def _list(objects: list[Json]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def _sensor(way: Way, cluster: Cluster) -> Json:
    """The project's own Sensor, for another repository and another template."""
    events = replace(cluster.settings.events, repositories=(way.repository,))
    found = sensor_manifest(replace(cluster.settings, events=events))
    found["metadata"] |= {"name": way.name, "labels": {}}
    trigger = found["spec"]["triggers"][0]
    trigger["template"]["k8s"]["source"]["resource"]["spec"]["workflowTemplateRef"]["name"] = way.name
    del trigger["dlqTrigger"]
    return found


def _template(way: Way, cluster: Cluster) -> Json:
    """The project's own WorkflowTemplate with other templates, and without its lock."""
    found = workflow_template(cluster.settings)
    cancel = found["spec"].pop("templates")[0]["container"]
    for key in ("onExit", "synchronization", "templateDefaults"):
        del found["spec"][key]
    environment = {
        "HOST": "$(KUBERNETES_SERVICE_HOST)",
        "PORT": "$(KUBERNETES_SERVICE_PORT)",
        "NAMESPACE": cluster.settings.namespaces.agents[0],
        "TASK": "{{workflow.parameters.task-id}}",
        "TOKEN_FILE": f"{_MOUNTED}/token",
        "CA_FILE": f"{_MOUNTED}/ca.crt",
    }

    def pod(name: str) -> Json:
        container = {
            "image": cluster.agent_image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", _SCRIPT if name == "cancel" else "pass"],
            "env": [{"name": key, "value": value} for key, value in environment.items()],
            "resources": cancel["resources"],
            "securityContext": cancel["securityContext"],
        }
        return {"name": name, "container": container}

    tasks = [
        {"name": name, "template": name} | ({"dependencies": [before]} if before else {})
        for name, before in zip(way.pods, ("", *way.pods), strict=False)
    ]
    found["metadata"] |= {"name": way.name, "labels": {}}
    found["spec"] |= {
        "entrypoint": "main",
        "templates": [{"name": "main", "dag": {"tasks": tasks}}, *map(pod, way.pods)],
    }
    return found
