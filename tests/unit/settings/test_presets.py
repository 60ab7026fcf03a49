"""Presets of agent kinds: tables that name one are expanded, and no two tables claim one object."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.manifests.rbac import steps_access
from pipelines.settings import Settings, read_settings
from pipelines.settings.kind_presets import preset_names
from pipelines.settings.packaged import example_text
from steps.core.errors import BadInputError
from tests.support.documented_kinds import KINDS, SECTIONS, TABLES
from tests.support.harness import DEFAULTS

SHIPPED = example_text()
_TABLE = re.compile(r"^\[\[agents\]\].*?(?=^\[|\Z)", re.MULTILINE | re.DOTALL)


def settings_with(tmp_path: Path, *tables: str) -> Settings:
    """The shipped settings with these kinds instead of the shipped one."""
    path = tmp_path / "settings.toml"
    path.write_text(_TABLE.sub(lambda _: "\n".join(tables), SHIPPED, count=1))
    return read_settings(path)


def test_every_preset_has_a_section_on_the_page() -> None:
    assert set(SECTIONS) == set(preset_names()) == set(TABLES)


def test_a_table_without_a_preset_is_read_as_it_is() -> None:
    assert DEFAULTS.agents[0].plural == "coderuns"


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_with_a_preset_is_expanded(tmp_path: Path, name: str) -> None:
    assert settings_with(tmp_path, TABLES[name]).agents == (KINDS[name],)


def test_a_key_of_the_table_replaces_that_of_the_preset(tmp_path: Path) -> None:
    table = TABLES["argo-workflow"] + 'finished = ["Succeeded"]\ndelete = false\n'
    (kind,) = settings_with(tmp_path, table).agents
    assert (kind.finished, kind.delete, kind.stop_patch) == (("Succeeded",), False, {"spec": {"shutdown": "Stop"}})


def test_the_steps_get_expanded_tables(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, TABLES["tekton-pipeline-run"])
    assert '"pipelineruns"' in settings.for_steps()
    assert '"preset"' not in settings.for_steps()


@pytest.mark.parametrize("name", list(SECTIONS))
def test_the_page_states_the_rights_of_each_preset(tmp_path: Path, name: str) -> None:
    (stated,) = re.findall(r"^Rights: (.*?)\.$", SECTIONS[name], re.MULTILINE | re.DOTALL)
    found = re.findall(r"`([a-z0-9.-]+)`\s([a-z,\s]+)", stated)
    rights = {resource: re.findall("[a-z]+", verbs) for resource, verbs in found}
    settings = settings_with(tmp_path, TABLES[name])
    (role,) = (
        each
        for each in steps_access(settings)
        if each["kind"] == "Role" and each["metadata"]["namespace"] == settings.namespaces.agents[0]
    )
    granted = {
        f"{rule['resources'][0]}.{rule['apiGroups'][0]}".rstrip("."): rule["verbs"]
        for rule in role["rules"]
        if rule["resources"][0] not in {"configmaps", "events"}
    }
    assert granted == rights


SELECTED = 'selector = { kind-of-work = "agent" }'


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (SELECTED, SELECTED, "agents.0 and agents.1 claim the same jobs"),
        (SELECTED, "selector = {}", "agents.0 and agents.1 claim the same jobs"),
        (SELECTED, 'selector = { team = "b" }', "agents.0 and agents.1 claim the same jobs"),
        (SELECTED, 'selector = { kind-of-work = "review" }', ""),
        (SELECTED, 'group = "batch.volcano.sh"\nselector = {}', ""),
        (
            SELECTED,
            'group = "batch.volcano.sh"\npod_selector = { a = "{name}" }',
            "agents.0 and agents.1 are both jobs",
        ),
    ],
    ids=["the same selector", "no selector", "another label", "another value", "another group", "the same plural"],
)
def test_two_kinds_that_could_claim_one_object_are_refused(tmp_path: Path, one: str, other: str, expected: str) -> None:
    tables = [TABLES["job"].replace(SELECTED, selector) for selector in (one, other)]
    if not expected:
        assert len(settings_with(tmp_path, *tables).agents) == 2
        return
    with pytest.raises(BadInputError, match=rf"settings\.toml: .*{expected}") as caught:
        settings_with(tmp_path, *tables)
    assert ": :" not in str(caught.value)
