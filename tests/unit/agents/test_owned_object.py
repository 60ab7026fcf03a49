"""An object as it is read from a list: its owners, its finalizers, and its namespace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps.agents.owned_object import Finalizers, OwnedObject, read_object, read_owners, within_namespaces
from steps.core.clock import parse_time
from steps.kube.resources import JOBS
from tests.support.factories import owned_object

METADATA: dict[str, Any] = {
    "name": "job",
    "uid": "u",
    "resourceVersion": "7",
    "creationTimestamp": "2026-03-01T12:00:00Z",
}
OWNER = {"apiVersion": "batch/v1", "kind": "Job", "name": "above", "uid": "o"}
HELD = {"finalizers": ["foregroundDeletion", "example.com/hold"]}
DELETED = {"deletionTimestamp": "2026-03-01T12:00:05Z"}


def read(**more: Any) -> OwnedObject:  # noqa: ANN401 - fields of metadata
    return read_object({"metadata": METADATA | more}, resource=JOBS)


def test_what_a_decision_needs_is_read() -> None:
    found = read(namespace="team-one", labels={"a": "b"}, ownerReferences=[OWNER])
    assert (found.resource, found.name, found.uid, found.resource_version) == (JOBS, "job", "u", "7")
    assert (found.namespace, dict(found.labels)) == ("team-one", {"a": "b"})
    assert found.owner_uids == {"o"}
    assert found.created_at == parse_time("2026-03-01T12:00:00Z")


def test_an_object_without_a_namespace_is_in_none() -> None:
    assert read().namespace == ""


@pytest.mark.parametrize(
    ("managed", "expected"), [({"controller": True}, True), ({"controller": False}, False), ({}, False)]
)
def test_only_an_owner_that_says_so_manages_the_object(managed: dict[str, bool], *, expected: bool) -> None:
    (found,) = read_owners({"ownerReferences": [OWNER | managed]})
    assert (found.api_version, found.kind, found.name, found.uid) == ("batch/v1", "Job", "above", "o")
    assert found.controller is expected


def test_finalizers_hold_an_object_only_once_it_is_deleted() -> None:
    assert read(**HELD).finalizer_note == ""
    assert str(read(**HELD, **DELETED).held_by) == "foregroundDeletion, example.com/hold"
    assert "foregroundDeletion, example.com/hold" in read(**HELD, **DELETED).finalizer_note


@pytest.mark.parametrize(
    ("names", "foreign"),
    [(("foregroundDeletion", "orphan"), False), (("orphan", "example.com/hold"), True), ((), False)],
)
def test_the_garbage_collector_removes_its_own_finalizers(names: tuple[str, ...], *, foreign: bool) -> None:
    assert Finalizers(names).are_foreign is foreign


def test_only_references_into_another_namespace_are_left_out() -> None:
    near, far = replace(owned_object("near"), namespace="one"), replace(owned_object("far"), namespace="two")
    alone = replace(owned_object("alone", "near"), namespace="one")
    both = replace(owned_object("both", "near", "far"), namespace="one")
    found = within_namespaces([near, alone, both], others=[far])
    assert found[:2] == [near, alone]
    assert found[1] is alone
    assert [owner.uid for owner in found[2].owners] == ["near"]


def test_an_owner_that_nobody_listed_may_be_in_the_namespace_of_the_object() -> None:
    found = owned_object("u", "unknown")
    assert within_namespaces([found]) == [found]
