"""A page of a list fits into memory. A list whose pages expire starts again once, and yields every object once."""

from __future__ import annotations

import pytest

from steps.core.errors import ListExpiredError, UnavailableError
from steps.kube.resources import CONFIG_MAPS, PODS
from tests.doubles.kubernetes import Call, Fault
from tests.support.harness import DEFAULTS, Scene

HOME = DEFAULTS.namespaces.events
NAMES = [f"map-{number}" for number in range(9)]


@pytest.fixture
def maps(scene: Scene) -> Scene:
    for name in NAMES:
        metadata = {"name": name, "namespace": HOME}
        scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    return scene


def listed(scene: Scene) -> list[str]:
    return [each["metadata"]["name"] for each in scene.kube().list(CONFIG_MAPS, namespace=HOME, page=2)]


def expire(scene: Scene, *, nth: int) -> None:
    """Let the API server forget the list before the nth next page is requested."""
    scene.api.faults.add(Fault(path="continue=", nth=nth, before=lambda _: scene.api.compact()))


def pages(scene: Scene) -> list[Call]:
    return [call for call in scene.api.calls if call.path.endswith("/configmaps")]


@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_list_that_expires_starts_again_and_yields_each_object_once(maps: Scene, nth: int) -> None:
    expire(maps, nth=nth)
    assert listed(maps) == NAMES
    assert [call.status for call in pages(maps)].count(410) == 1, "an expired token is not sent again"


def test_what_came_in_between_is_seen_and_what_went_is_not(maps: Scene) -> None:
    def change(_: object) -> None:
        maps.api.compact()
        maps.api.delete("configmaps", "map-8", namespace=HOME)
        metadata = {"name": "map-0a", "namespace": HOME}
        maps.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})

    maps.api.faults.add(Fault(path="continue=", nth=2, before=change))
    assert sorted(listed(maps)) == sorted({*NAMES, "map-0a"} - {"map-8"})


def test_a_list_that_expires_twice_is_not_taken_for_whole(maps: Scene) -> None:
    expire(maps, nth=1)
    expire(maps, nth=3)
    with pytest.raises(ListExpiredError) as caught:
        listed(maps)
    assert isinstance(caught.value, UnavailableError)


def limits(scene: Scene) -> list[str]:
    """The limit of each page that was requested."""
    return [call.query["limit"] for call in scene.api.calls if call.path.endswith("/pods")]


@pytest.mark.parametrize(
    ("kilobytes", "metadata_only", "expected"),
    [
        (1, False, ["50", "500"]),
        (100, False, ["50", "40", "40"]),
        (100, True, ["500"]),
    ],
)
def test_a_page_of_large_objects_has_few_of_them(
    scene: Scene, kilobytes: int, expected: list[str], *, metadata_only: bool
) -> None:
    """A run may have a long prompt, or a Workflow's hundred nodes. Five hundred of those do not fit into the pod."""
    for number in range(120):
        container = {"name": "main", "image": "agent", "args": [(kilobytes * 1000 - 600) * "x"]}
        metadata = {"name": f"run-{number}", "namespace": HOME}
        scene.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}})
    scene.api.calls.clear()
    assert len(list(scene.kube().list(PODS, namespace=HOME, metadata_only=metadata_only))) == 120
    assert limits(scene) == expected
