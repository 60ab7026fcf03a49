"""Setting up a namespace of the platform through a client: the CRD, runs, and looking at what became of them.

Guarantees: works alike on the double and on a real API server.
"""

import time
from typing import Any

from tests.doubles.platform.client import Client, JsonObject, RefusedError
from tests.doubles.platform.crd import API_VERSION, CRD, PLURAL

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ESTABLISHED_DEADLINE_S = 20.0


def runs_path(namespace: str, name: str = "", subresource: str = "") -> str:
    """Return the path of the CodeRuns of a namespace, or of one of them."""
    tail = "".join(f"/{each}" for each in (name, subresource) if each)
    return f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}{tail}"


def install_crd(client: Client) -> None:
    """Register the CodeRun kind unless it is there, and wait until it is served."""
    reply = client.request("POST", CRDS, CRD)
    if reply.status >= 400 and reply.reason != "AlreadyExists":
        raise RefusedError(reply)
    deadline = time.monotonic() + ESTABLISHED_DEADLINE_S
    while client.request("GET", runs_path("default")).status != 200:
        if time.monotonic() > deadline:
            raise TimeoutError("the CodeRun kind is not served")
        time.sleep(0.02)


def put_run(client: Client, manifest: dict[str, Any]) -> JsonObject:
    """Create a CodeRun and, if the manifest has a status, write it as the controller would."""
    namespace = manifest["metadata"]["namespace"]
    created = client.ask("POST", runs_path(namespace), manifest, query={"fieldValidation": "Strict"})
    if "status" not in manifest:
        return created
    path = runs_path(namespace, created["metadata"]["name"], "status")
    return client.ask("PUT", path, {**created, "status": manifest["status"]})
