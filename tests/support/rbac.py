"""Rights, as the Roles grant them and as recorded calls use them, in one form that can be compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from pipelines.manifests.rbac import steps_access
from pipelines.settings import Settings
from tests.doubles.kubernetes import Call
from tests.support.harness import DEFAULTS, Scene

_PATH = re.compile(
    r"/apis?/(?:(?P<group>[^/]+)/)?v[^/]+/namespaces/(?P<space>[^/]+)/(?P<plural>[^/]+)(?:/(?P<name>.+))?"
)
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

Grants = set[tuple[str, str, str, str]]


def used(calls: list[Call]) -> Grants:
    """What those calls needed: namespace, group, resource, and verb."""
    found: Grants = set()
    for call in calls:
        match = _PATH.fullmatch(call.path)
        assert match, call.path
        verb = _VERBS.get(call.method) or ("get" if match["name"] else "list")
        found.add((match["space"], match["group"] or "", match["plural"], verb))
    return found


def granted(scene: Scene, access: Callable[[Settings], Iterable[dict[str, Any]]] = steps_access) -> Grants:
    """What the rendered Roles of an account allow, with the settings of that scene."""
    settings = replace(DEFAULTS, agents=scene.settings.agents, namespaces=scene.settings.namespaces)
    return {
        (role["metadata"]["namespace"], group, resource, verb)
        for role in access(settings)
        if role["kind"] == "Role"
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if resource != "workflowtaskresults"  # Argo's own container in the pod writes those
    }
