"""What Argo Workflows makes of a WorkflowTemplate and a Workflow: commands and environments, run as processes.

Guarantees: commands and environments are the rendered ones, with parameters, workflow variables and the downward API
filled in; an unresolved tag is an error; the exit hook runs when its condition holds. Each attempt is a pod of its own,
which exists on the API server and has empty folders of its own. Not modelled: locks, timing, retry expressions and
anything else of the controller (those need a real one).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.doubles.template_defaults import templates_with_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.doubles.platform.client import Client
    from tests.doubles.service_account import ServiceAccount

Json = dict[str, Any]

_TAG = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_WHEN = "{{workflow.status}} != Succeeded"
LIMIT_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A container that ran."""

    container: str
    exit_code: int
    output: str
    seconds: float


@dataclass(slots=True, kw_only=True)
class Argo:
    """Runs Workflows of one WorkflowTemplate as processes of this machine.

    Attributes:
        template: The rendered WorkflowTemplate.
        client: The API server, as an administrator.
        environment: What the pod's mounts stand for here: KUBECONFIG, PATH and the like.
        account: The mounted service account; None if the environment has KUBECONFIG.
        mounts: Paths of the rendered environment that are elsewhere on this machine.
        outputs: What the entry template's latest pod handed out, read from its folders as Argo does.
        python: The interpreter of the image, with what is installed there.
    """

    template: Json
    client: Client
    environment: Mapping[str, str]
    mounts: Mapping[str, Path] = field(default_factory=dict)
    monotonic: Callable[[], float]
    account: ServiceAccount | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    _pods: int = 0

    def variables(self, workflow: Json) -> dict[str, str]:
        """Every tag that may be used, resolved."""
        declared = {p["name"]: p.get("value") for p in _parameters(self.template)}
        given = {p["name"]: p["value"] for p in _parameters(workflow)}
        if unknown := given.keys() - declared.keys():
            raise LookupError(f"parameters that the template does not declare: {unknown}")
        values = declared | given
        if missing := [name for name, value in values.items() if value is None]:
            raise LookupError(f"spec.arguments.{missing[0]}.value or .valueFrom is required")
        metadata = workflow["metadata"]
        created = int(datetime.fromisoformat(metadata["creationTimestamp"]).timestamp())
        own = {
            "workflow.name": metadata["name"],
            "workflow.uid": metadata["uid"],
            "workflow.namespace": metadata["namespace"],
            "workflow.creationTimestamp.s": str(created),
        }
        return own | {f"workflow.parameters.{name}": str(value) for name, value in values.items()}

    def resolve(self, text: str, variables: Mapping[str, str]) -> str:
        """Fill in the tags of a text."""

        def value(match: re.Match[str]) -> str:
            if match.group(1) not in variables:
                raise LookupError(f"failed to resolve {match.group()}")
            return variables[match.group(1)]

        return _TAG.sub(value, text)

    def attempt(self, workflow: Json) -> Process:
        """Run the entrypoint's container in a pod."""
        entry = self._template(self.template["spec"]["entrypoint"])
        with _Pod(self, workflow, kind="run", hands_out=entry) as pod:
            process = self._run(entry["container"] | {"name": "main"}, workflow=workflow, pod=pod)
            if not process.exit_code:
                pod.phase = "Succeeded"
            return process

    def exit_hook(self, workflow: Json) -> Process:
        """Run the exit hook of a workflow that did not succeed."""
        handler = self._template(self.template["spec"]["onExit"])
        ((step,),) = handler["steps"]
        if step["when"] != _WHEN:
            raise LookupError(f"not modelled: {step['when']}")
        with _Pod(self, workflow, kind="exit") as pod:
            container = self._template(step["template"])["container"] | {"name": "main"}
            return self._run(container, workflow=workflow, pod=pod)

    def _template(self, name: str) -> Json:
        return next(each for each in templates_with_defaults(self.template) if each["name"] == name)

    @contextmanager
    def started(self, workflow: Json) -> Iterator[subprocess.Popen[str]]:
        """Start the entrypoint's container in a pod of its own, for tests that end it; its pod then has failed."""
        found = self._template(self.template["spec"]["entrypoint"])["container"]
        with _Pod(self, workflow, kind="run") as pod:
            command, environment = self._prepared(found, workflow=workflow, pod=pod)
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
            try:
                yield process
            finally:
                process.kill()
                process.communicate()

    def _prepared(self, container: Json, *, workflow: Json, pod: _Pod) -> tuple[list[str], dict[str, str]]:
        variables = self.variables(workflow)
        environment = dict(self.environment) | (self.account.environment if self.account else {})
        for each in container["env"]:
            if "value" in each:
                environment[each["name"]] = pod.mounted(self.resolve(each["value"], variables))
            else:
                environment[each["name"]] = pod.downward(each["valueFrom"]["fieldRef"]["fieldPath"])
        for path, target in self.mounts.items():
            environment = {name: value.replace(path, str(target)) for name, value in environment.items()}
        command = [self.resolve(word, variables) for word in container["command"]]
        if self.account:
            return self.account.command(command, python=self.python), environment
        return [self.python if word == "python" else word for word in command], environment

    def _run(self, container: Json, *, workflow: Json, pod: _Pod) -> Process:
        command, environment = self._prepared(container, workflow=workflow, pod=pod)
        began = self.monotonic()
        ran = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=Path.cwd()
        )
        return Process(
            container=container["name"],
            exit_code=ran.returncode,
            output=ran.stdout + ran.stderr,
            seconds=self.monotonic() - began,
        )


def _parameters(manifest: Json) -> list[Json]:
    found: list[Json] = manifest["spec"].get("arguments", {}).get("parameters", [])
    return found


def _empty_folders(template: Json) -> list[str]:
    """Where containers find the pod's empty folders."""
    found: dict[str, None] = {}
    for each in template["spec"]["templates"]:
        names = {volume["name"] for volume in each.get("volumes", ()) if "emptyDir" in volume}
        group = each.get("containerSet", {})
        for holder in (group, each.get("container", {}), *group.get("containers", ())):
            found |= {m["mountPath"]: None for m in holder.get("volumeMounts", ()) if m["name"] in names}
    return list(found)


class _Pod:
    """A pod on the API server, for as long as its containers run here."""

    def __init__(self, argo: Argo, workflow: Json, *, kind: str, hands_out: Json | None = None) -> None:
        argo._pods += 1
        self._argo = argo
        self._hands_out = hands_out
        self._client = argo.client
        self._account: str = argo.template["spec"]["serviceAccountName"]
        self._folder = Path(tempfile.mkdtemp(prefix="pod-"))
        self._volumes = {path: self._folder / str(number) for number, path in enumerate(_empty_folders(argo.template))}
        for folder in self._volumes.values():
            folder.mkdir()
        namespace = workflow["metadata"]["namespace"]
        name = f"{workflow['metadata']['name']}-{kind}-{argo._pods}"
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        # What the API server admits depends on these; what runs is a process of this machine.
        entry = argo._template(argo.template["spec"]["entrypoint"])
        container = entry.get("container") or entry["containerSet"]["containers"][0]
        main = {"name": "main", "image": "none", "securityContext": container["securityContext"]}
        security = argo.template["spec"]["securityContext"]
        spec = {"containers": [main], "securityContext": security, "nodeName": "node-1", "restartPolicy": "Never"}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        self._metadata = self._client.ask("POST", self._path, body)["metadata"]
        self.phase = "Failed"

    def mounted(self, value: str) -> str:
        """A value, with paths in the pod's own empty folders as they are here."""
        # In one go: the folders here may lie below a path that is replaced.
        paths = "|".join(map(re.escape, self._volumes))
        return re.sub(rf"(?<![\w/])({paths})(?=/|$)", lambda found: str(self._volumes[found.group()]), value)

    def downward(self, path: str) -> str:
        """A field of the pod."""
        fields = {
            "metadata.name": self._metadata["name"],
            "metadata.uid": self._metadata["uid"],
            "spec.serviceAccountName": self._account,
        }
        return str(fields[path])

    def __enter__(self) -> Self:
        self._set("Running")
        return self

    def __exit__(self, *_: object) -> None:
        self._set(self.phase)
        if self._hands_out:
            declared = self._hands_out.get("outputs", {}).get("parameters", [])
            self._argo.outputs = {each["name"]: self._output(each["valueFrom"]) for each in declared}
        shutil.rmtree(self._folder, ignore_errors=True)

    def _output(self, source: Json) -> str:
        """A file on one of the pod's volumes, or the default; Argo trims one newline."""
        path = Path(self.mounted(source["path"]))
        if not path.is_relative_to(self._folder):
            raise LookupError(f"not modelled: {source['path']} lies in the image")
        return path.read_text().removesuffix("\n") if path.exists() else source["default"]

    def _set(self, phase: str) -> None:
        self._client.ask(
            "PATCH",
            f"{self._path}/{self._metadata['name']}/status",
            {"status": {"phase": phase}},
            content_type="application/merge-patch+json",
        )
