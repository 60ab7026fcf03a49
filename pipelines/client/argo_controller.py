"""What the manifest and the ConfigMap of Argo's controller say: the namespace that it manages, and its settings.

Guarantees that arguments and variables count as in the controller: the last of two arguments wins, and an argument wins
over its variable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.kube import Json

_TRUE = {"1", "t", "true"}
_OWN = "metadata.namespace"
_UNKNOWN = "$("


def config_map_name(deployment: Json) -> str:
    """Return the name of a controller's ConfigMap."""
    return _option(deployment, "configmap") or "workflow-controller-configmap"


def managed_namespace(deployment: Json) -> str:
    """Return the only namespace that a controller manages; empty if it manages all, or if its manifest does not say."""
    if _option(deployment, "namespaced", flag=True).lower() not in _TRUE:
        return ""
    found = _option(deployment, "managed-namespace") or str(deployment["metadata"]["namespace"])
    return "" if _UNKNOWN in found else found


def read_setting(data: dict[str, str], key: str) -> Any:  # noqa: ANN401 - YAML is any value
    """Read a setting of the controller; its ConfigMap has either one key for each field, or one document."""
    try:
        document: Any = yaml.safe_load(data.get("config") or "") or {}
        return yaml.safe_load(data.get(key) or "") or document.get(key)
    except (yaml.YAMLError, AttributeError):
        return None


def read_table(data: dict[str, str], key: str) -> dict[str, Any]:
    """Read a table of the controller's settings; an empty one if it is not set."""
    found = read_setting(data, key)
    return found if isinstance(found, dict) else {}


def _option(deployment: Json, name: str, *, flag: bool = False) -> str:
    """Return the value of an option of the controller; empty if it is not given."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    given = list(_values(words, f"--{name}", flag=flag))
    return given[-1] if given else _variable(deployment, container, f"ARGO_{name.upper().replace('-', '_')}")


def _values(words: list[str], option: str, *, flag: bool) -> Iterator[str]:
    """Yield the values of `--option VALUE` and `--option=VALUE`; of a flag, `--option` alone is true."""
    for place, word in enumerate(words):
        if word.startswith(f"{option}="):
            yield word.partition("=")[2]
        elif word == option and flag:
            yield "true"
        elif word == option and place + 1 < len(words):
            yield words[place + 1]


def _variable(deployment: Json, container: dict[str, Any], name: str) -> str:
    found: dict[str, Any] = next((each for each in container.get("env") or () if each["name"] == name), {})
    source = found.get("valueFrom")
    if not source:
        return str(found.get("value") or "")
    own = (source.get("fieldRef") or {}).get("fieldPath") == _OWN
    return str(deployment["metadata"]["namespace"]) if own else f"{_UNKNOWN}{name})"
