"""The check of the rendered objects: each is compared, and a file of other objects is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from pipelines.doctor.check import CheckStatus, Installation
from pipelines.doctor.objects import drift
from pipelines.manifests import all_manifests
from steps.core.errors import NotFoundError
from steps.kube.client import Kube
from steps.kube.resources import Resource
from tests.support.harness import DEFAULTS


@dataclass(frozen=True, slots=True)
class Applied:
    """A cluster with these objects."""

    objects: tuple[Mapping[str, Any], ...] = ()

    def get(self, resource: Resource, *, namespace: str, name: str) -> Mapping[str, Any]:
        """Find an object by its name."""
        for each in self.objects:
            kind = str(each["kind"]).lower()
            if (each["metadata"]["namespace"], each["metadata"]["name"]) == (namespace, name) and (
                resource.plural.startswith(kind)
            ):
                return each
        raise NotFoundError(name)


def checked(*applied: Mapping[str, Any], manifests: tuple[Mapping[str, Any], ...] = ()) -> list[tuple[str, str]]:
    kube = cast("Kube", Applied(applied))
    now = datetime.now(UTC)
    installation = Installation(settings=DEFAULTS, kube=kube, now=now, env={}, manifests=manifests)
    return [(each.status, each.found) for each in drift(installation, "objects")]


def test_without_any_object_none_is_called_as_the_settings_say() -> None:
    found = checked()
    assert {status for status, _ in found} == {CheckStatus.WRONG}
    assert len(found) == len(list(all_manifests(DEFAULTS)))


def test_a_file_with_objects_of_something_else_is_named() -> None:
    other = {"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    assert checked(manifests=(other,)) == [
        (CheckStatus.WRONG, "the file of --manifests has none of the objects that the settings render")
    ]


def test_an_object_that_an_overlay_builds_is_compared_with_what_it_builds() -> None:
    (sensor,) = (each for each in all_manifests(DEFAULTS) if each["kind"] == "Sensor")
    built = {**sensor, "metadata": sensor["metadata"] | {"annotations": {"team": "platform"}}}
    assert checked(built, manifests=(built,)) == [(CheckStatus.OK, "1 object as the settings say")]
    assert checked(sensor, manifests=(built,)) == [
        (
            CheckStatus.WRONG,
            "Sensor implementation-agent-remediation in argo-events differs from the settings at metadata.annotations",
        )
    ]
