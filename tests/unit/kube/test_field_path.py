"""Paths of fields: names with any character, list items by any of their fields, and constants."""

from __future__ import annotations

import pytest

from steps.kube.field_path import label_key, read_field, read_state

OBJECT = {
    "metadata": {"labels": {"app.kubernetes.io/name": "qa", "task-id": "7"}},
    "spec": {
        "commit": " \tabc1234\r\n",
        "blank": " \n",
        "replicas": 0,
        "suspend": True,
        "repo_url": "under_score",
        "params": [
            {"name": "repo-url", "value": "https://github.com/5dlabs/cto"},
            {"name": "git.ref", "value": "main"},
            {"name": "nested", "value": {"name": "x"}},
        ],
        "tasks": [{"id": 1, "steps": [{"name": "a", "image": "one"}, {"name": "a", "image": "two"}]}],
        "owners": [{"controller": False, "name": "not"}, {"controller": True, "name": "yes"}, {"name": "nobody"}],
    },
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (r"metadata.labels.app\.kubernetes\.io/name", "qa"),
        ("metadata.labels.task-id", "7"),
        ("spec.repo_url", "under_score"),
        ("spec.replicas", "0"),
        ("spec.commit", "abc1234"),
        ("spec.blank", ""),
        ("spec.params[name=repo-url].value", "https://github.com/5dlabs/cto"),
        ("spec.params[name=git.ref].value", "main"),
        (r"spec.params[name=git\.ref].value", ""),
        ("spec.params[name=nested].value", ""),
        ("spec.params[name=nested].value.name", "x"),
        ("spec.params[name=none].value", ""),
        ("spec.params[value=main].name", "git.ref"),
        ("spec.tasks[id=1].steps[name=a].image", "two"),
        ("spec.owners[controller=true].name", "yes"),
        ("spec.owners[controller=false].name", "not"),
        ("spec.owners[controller=].name", ""),
        ("spec.replicas[name=a].value", ""),
        ("spec.params", ""),
        ("", ""),
        ('"5dlabs/cto"', "5dlabs/cto"),
    ],
)
def test_a_path_leads_to_a_text_or_to_nothing(path: str, expected: str) -> None:
    assert read_field(OBJECT, path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("spec.suspend", "true"),
        ("spec.owners[name=not].controller", "false"),
        ("spec.replicas", "0"),
        ("spec.commit", "abc1234"),
        ("spec.params", ""),
        ("spec.none", ""),
        ("", ""),
        ('"done"', "done"),
    ],
)
def test_a_state_may_be_true_or_false(path: str, expected: str) -> None:
    assert read_state(OBJECT, path) == expected


def test_a_boolean_names_nobody() -> None:
    assert read_field(OBJECT, "spec.suspend") == ""


def test_a_constant_is_the_same_for_every_object() -> None:
    assert {read_field(each, '"name"') for each in ({}, OBJECT, {"name": "other"})} == {"name"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.labels.task-id", "task-id"),
        (r"metadata.labels.app\.kubernetes\.io/name", "app.kubernetes.io/name"),
        ("spec.params[name=task-id].value", ""),
        ('"metadata.labels.x"', ""),
    ],
)
def test_only_a_label_is_selected_by_the_api_server(path: str, expected: str) -> None:
    assert label_key(path) == expected
