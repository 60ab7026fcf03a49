"""The Workflow of a push: its parameters are read as Argo reads them, whatever their shape."""

from __future__ import annotations

import pytest

from steps.cancellation import build_workflow, workflow_parameters
from steps.kube import Json
from tests.support.harness import DEFAULTS
from tests.support.pushes import push
from tests.support.scene.workflow import parameters


def with_parameters(*given: object) -> Json:
    return {"spec": {"arguments": {"parameters": list(given)}}}


def test_the_parameters_of_a_built_workflow_are_read_back() -> None:
    values = parameters(push())
    assert workflow_parameters(build_workflow(values, settings=DEFAULTS)) == values


@pytest.mark.parametrize(
    ("value", "text"),
    [("7", "7"), (7, "7"), (7.5, "7.5"), (True, "true"), (None, ""), ({"a": 1}, ""), (["7"], "")],
)
def test_a_value_of_another_type_is_its_text_in_json_or_empty(value: object, text: str) -> None:
    assert workflow_parameters(with_parameters({"name": "task-id", "value": value})) == {"task-id": text}


def test_a_value_from_elsewhere_is_empty() -> None:
    elsewhere = {"name": "sha", "valueFrom": {"configMapKeyRef": {"name": "any", "key": "any"}}}
    assert workflow_parameters(with_parameters(elsewhere)) == {"sha": ""}


@pytest.mark.parametrize(
    "workflow",
    [
        {},
        {"spec": None},
        {"spec": "text"},
        {"spec": {"arguments": None}},
        {"spec": {"arguments": "text"}},
        {"spec": {"arguments": {"parameters": {"name": "sha", "value": "text"}}}},
        with_parameters("text", None, {"value": "text"}, {"name": 7, "value": "text"}),
    ],
)
def test_a_workflow_of_another_shape_has_no_parameters(workflow: Json) -> None:
    assert workflow_parameters(workflow) == {}
