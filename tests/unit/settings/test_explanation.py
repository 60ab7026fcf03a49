"""`render --explain`: a key, a table, all of them, and a key that does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.cli.main import main
from pipelines.settings_docs.descriptions import setting_tables
from steps.core.errors import Exit

TABLES = {table.name: table for table in setting_tables()}
KEYS = [f"{table.name}.{key}" for table in TABLES.values() for key in (*table.shorthand, *table.keys)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without settings."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def explained(capsys: pytest.CaptureFixture[str], *key: str) -> str:
    capsys.readouterr()
    assert main(("render", "--explain", *key)) == Exit.DONE
    return capsys.readouterr().out


def test_all_lists_every_key_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = explained(capsys).splitlines()
    assert [line for line in lines if line in KEYS] == KEYS
    assert lines.count("  default: 30") >= 1


@pytest.mark.parametrize("key", KEYS)
def test_each_key_has_a_meaning_and_a_default_or_an_example(capsys: pytest.CaptureFixture[str], key: str) -> None:
    name, *about, value = explained(capsys, key).splitlines()
    assert (name, bool(about)) == (key, True)
    assert value.startswith(("  default: ", "  required, for example: "))


def test_the_value_of_the_users_file_is_shown_beside_the_default(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "settings.toml").write_text("[stop]\ngrace_s = 45\n")
    text = explained(capsys, "stop.grace_s")
    assert "  default: 30\n" in text
    assert "  settings.toml: 45\n" in text


@pytest.mark.parametrize("key", ["stop", "[stop]", "agents", "[[agents]]"])
def test_a_table_is_explained_with_its_keys(capsys: pytest.CaptureFixture[str], key: str) -> None:
    name = key.strip("[]")
    text = explained(capsys, key)
    assert [line for line in text.splitlines() if line in KEYS] == [
        each for each in KEYS if each.startswith(f"{name}.")
    ]


@pytest.mark.parametrize(
    ("key", "shown"), [("agents.0.plural", "agents.plural"), ("workflow.limits.cpu", "workflow.limits")]
)
def test_a_key_as_an_error_names_it_is_found(capsys: pytest.CaptureFixture[str], key: str, shown: str) -> None:
    assert explained(capsys, key).startswith(f"{shown}\n")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("grace_s", "did you mean stop.grace_s?"),
        ("stop.grace", "did you mean stop.grace_s"),
        ("retries", "did you mean breaker.retries, events.retries, workflow.retries?"),
        ("qqqqqq", "--explain alone lists all"),
    ],
)
def test_a_key_that_does_not_exist_is_named_with_what_was_meant(
    capsys: pytest.CaptureFixture[str], key: str, said: str
) -> None:
    assert main(("render", "--explain", key)) == Exit.BAD_INPUT
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["stop = 1\n", "[stop]\ngrace_s = 'long'\n", "agents = []\n"])
def test_a_file_that_cannot_be_rendered_yet_is_no_hindrance(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (folder / "settings.toml").write_text(text)
    assert "default: 30" in explained(capsys, "stop.grace_s")
    assert explained(capsys, "agents.plural")
