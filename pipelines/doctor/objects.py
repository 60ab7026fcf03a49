"""The check `objects`: every rendered object exists and is as the settings render it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.client import counted
from pipelines.doctor.check import CheckResult, CheckStatus
from pipelines.manifests import all_manifests
from pipelines.names import LIMITS
from steps.kube import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipelines.doctor.check import Installation

_IRREGULAR = {"NetworkPolicy": "networkpolicies"}
# People may change its data live.
LIVE = {("ConfigMap", LIMITS)}


def drift(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Compare every object with the manifest that the settings render, or that an overlay builds from it."""
    same, built = 0, {_key(each): each for each in installation.manifests}
    wanted_objects = list(all_manifests(installation.settings))
    if built and built.keys().isdisjoint(map(_key, wanted_objects)):
        yield CheckResult(
            check=check,
            status=CheckStatus.WRONG,
            found="the file of --manifests has none of the objects that the settings render",
            fix="give what your overlay over the rendered folder builds: kubectl kustomize FOLDER > FILE",
        )
        return
    for rendered in wanted_objects:
        # An overlay changes objects on purpose. What it leaves out should not be there either.
        if built and _key(rendered) not in built:
            continue
        manifest = built.get(_key(rendered), rendered)
        kind, metadata = manifest["kind"], manifest["metadata"]
        name, namespace = f"{kind} {metadata['name']}", metadata["namespace"]
        found = installation.find(resource_of(manifest), namespace=namespace, name=metadata["name"])
        if found is None:
            fix = "run kubectl apply -k rendered/, or let GitOps apply it"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=f"{namespace} has no {name}", fix=fix)
            continue
        ignored = {"data"} if (kind, metadata["name"]) in LIVE else set()
        wanted = {key: value for key, value in manifest.items() if key not in ignored}
        if path := difference(wanted, found):
            yield CheckResult(
                check=check,
                status=CheckStatus.WRONG,
                found=f"{name} in {namespace} differs from the settings at {path}",
                fix="run agent-cancellation render, commit and apply; or find who changes the object",
            )
        else:
            same += 1
    if same:
        text = f"{counted(same, 'object')} as the settings say"
        yield CheckResult(check=check, status=CheckStatus.OK, found=text)


def _key(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = manifest.get("metadata") or {}
    return str(manifest.get("kind")), str(metadata.get("namespace", "")), str(metadata.get("name"))


def resource_of(manifest: Mapping[str, Any]) -> Resource:
    """Return the API resource of a manifest's kind."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    plural = _IRREGULAR.get(manifest["kind"], f"{manifest['kind'].lower()}s")
    return Resource(group=group, version=version, plural=plural)


def difference(wanted: Any, found: Any, *, at: str = "") -> str:  # noqa: ANN401 - JSON
    """Return the path of the first difference between manifest and object; empty if there is none.

    Keys that only the object has do not count: the API server adds defaults. Lists must have the same length.
    """
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            if inner := difference(value, found.get(key), at=f"{at}.{key}" if at else key):
                return inner
        return ""
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return next(
            (inner for index, (one, other) in pairs if (inner := difference(one, other, at=f"{at}[{index}]"))), ""
        )
    # The API server drops empty values.
    return "" if wanted == found or (not wanted and found is None) else at or "."
