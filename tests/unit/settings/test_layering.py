"""A short file of one's own over the packaged defaults: what wins, what is whole, and how files may be written."""

from __future__ import annotations

import codecs
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.settings import default_values, example_settings, read_settings
from pipelines.settings.layering import layer
from pipelines.settings.packaged import example_text, example_values
from steps.core.errors import BadInputError
from tests.support.harness import DEFAULTS
from tests.support.settings_files import whole_text

OWN = example_text()


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "settings.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_example_has_only_keys_without_a_default() -> None:
    defaults = default_values()
    own = [(table, key) for table, keys in example_values().items() if isinstance(keys, dict) for key in keys]
    assert own == [("image", "name"), ("events", "repositories"), ("events", "senders")]
    assert not [key for table, key in own if key in defaults[table]]
    assert "agents" not in defaults


def test_a_short_file_gives_the_same_settings_as_one_with_every_key(tmp_path: Path) -> None:
    assert read_settings(written(tmp_path, OWN)) == DEFAULTS
    assert read_settings(written(tmp_path, whole_text())) == DEFAULTS


def test_a_key_of_the_user_wins_and_its_neighbours_keep_their_defaults(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, OWN + "\n[workflow]\nlimits = { cpu = '2' }\n\n[stop]\ngrace_s = 5\n"))
    assert (settings.stop.grace_s, settings.stop.verify_s) == (5, DEFAULTS.stop.verify_s)
    assert (settings.workflow.limits.cpu, settings.workflow.limits.memory) == ("2", DEFAULTS.workflow.limits.memory)


def test_a_list_replaces_the_default(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, OWN + "\n[workflow]\napi_server_ports = [6443]\n"))
    assert settings.workflow.api_server_ports == (6443,)


TREES = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=3),
    lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=4),
)
TABLES = st.dictionaries(st.text(max_size=3), TREES, max_size=4)


@given(TABLES, TABLES)
def test_each_key_of_the_user_wins_and_no_default_is_lost(own: dict[str, object], defaults: dict[str, object]) -> None:
    merged = layer(own, over=defaults)
    assert merged.keys() == own.keys() | defaults.keys()
    assert {key: merged[key] for key in defaults.keys() - own.keys()} == {
        key: value for key, value in defaults.items() if key not in own
    }
    assert layer(own, over=merged) == merged
    assert layer(own, over={}) == own
    assert layer({}, over=defaults) == defaults


def test_the_keys_that_only_you_can_know_are_named_all_together(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        read_settings(written(tmp_path, ""))
    assert "agents, events.repositories, events.senders, image.name: missing: add them" in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[stop]\ngrace = 5\n", "stop.grace: unknown key; did you mean grace_s?"),
        ("[stops]\ngrace_s = 5\n", "stops: unknown key; did you mean stop?"),
        ("[workflow]\nlimits = { cpus = '2' }\n", "workflow.limits.cpus: unknown key; did you mean cpu?"),
        ("[workflow]\nlimits = '2'\n", "workflow.limits: not a table: give one"),
        ("[lease]\nnothing_like_it = 1\n", "lease.nothing_like_it: unknown key; remove it"),
    ],
)
def test_a_wrong_key_beside_defaults_is_named_with_what_was_meant(tmp_path: Path, more: str, said: str) -> None:
    path = written(tmp_path, f"{OWN}\n{more}")
    with pytest.raises(BadInputError, match=re.escape(said)) as caught:
        read_settings(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + OWN.encode(),
        OWN.replace("\n", "\r\n").encode(),
        codecs.BOM_UTF8 + OWN.replace("\n", "\r\n").encode(),
        OWN.encode("utf-16"),
        codecs.BOM_UTF16_BE + OWN.encode("utf-16-be"),
    ],
    ids=["byte-order mark", "CRLF", "both", "UTF-16", "UTF-16 big endian"],
)
def test_any_editor_may_have_written_the_file(tmp_path: Path, data: bytes) -> None:
    assert read_settings(written(tmp_path, data)) == DEFAULTS


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "mac-roman"])
def test_another_encoding_is_named_with_its_line(tmp_path: Path, encoding: str) -> None:
    data = f"# one\n# zwei Büros\n{OWN}".encode(encoding)
    with pytest.raises(BadInputError, match="line 2 is not UTF-8: save the file as UTF-8"):
        read_settings(written(tmp_path, data))


@pytest.mark.parametrize(
    "data", [OWN.encode("utf-16")[:-1], OWN.encode("utf-16-le"), b"\xff", b"\x00" * 8, b"a = " + b"[" * 9000]
)
def test_half_a_file_and_bytes_that_are_no_text_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadInputError, match=r"settings\.toml: "):
        read_settings(written(tmp_path, data))


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("[state]\nkey = 'state.json'\nconfig_map = \"task-{task}\\r\"\n", "state.config_map"),
        ("[labels]\nadd = '''\nin-progress\r\n'''\n", "labels.add"),
        ('[observability]\nlabels = { release = "a\\tb" }\n', "observability.labels.release"),
    ],
)
def test_a_line_end_inside_a_value_is_named(tmp_path: Path, more: str, key: str) -> None:
    with pytest.raises(BadInputError, match=f"{key}: it has a line end or another control character: remove it"):
        read_settings(written(tmp_path, f"{OWN}\n{more}"))


def test_a_folder_instead_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="give their file by --settings"):
        read_settings(tmp_path)


def test_the_packaged_files_are_whole() -> None:
    assert tomllib.loads(whole_text()) == layer(example_values(), over=default_values())
    assert example_settings() == DEFAULTS
