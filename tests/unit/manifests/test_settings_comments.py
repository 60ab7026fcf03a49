"""The comments in a settings file: generated from the descriptions, while values and a person's own text survive."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.settings.packaged import default_text
from pipelines.settings_docs.descriptions import setting_tables
from pipelines.settings_docs.toml_comments import refresh_comments

SHIPPED = default_text()
GRACE = next(table for table in setting_tables() if table.name == "stop").keys["grace_s"]


def test_a_comment_that_is_missing_or_outdated_is_written() -> None:
    for text in ("[stop]\ngrace_s = 30\n", "# Old.\n[stop]\n# old\ngrace_s = 30 # older\n"):
        refreshed = refresh_comments(text)
        assert f"grace_s = 30 # {GRACE}\n" in refreshed
        assert "ld" not in refreshed.replace(GRACE, "").partition("[stop]")[2]


def test_refreshing_twice_changes_nothing_more() -> None:
    once = refresh_comments("[stop]\ngrace_s = 30\nverify_s=10\n[push]\nbranch = 'x'")
    assert refresh_comments(once) == once


def test_values_and_their_order_stay() -> None:
    before, after = tomllib.loads(SHIPPED), tomllib.loads(refresh_comments(SHIPPED))
    assert after == before
    assert [list(table) for table in after.values()] == [list(table) for table in before.values()]


def test_an_example_that_is_commented_out_survives() -> None:
    example = '# [[agents]]\n# group = "batch"\n# plural = "jobs" # another kind\n'
    refreshed = refresh_comments(f'# Mine.\n\n[[agents]]\ngroup = ""\n\n{example}\n[stop]\ngrace_s = 30\n')
    assert refreshed.startswith("# Mine.\n\n")
    assert f"\n{example}\n" in refreshed


@pytest.mark.parametrize(
    "value", ['"a # b"', "'# \"'", '["#", "x"]', '[\n  "one", # first\n  "two",\n]', '"""\n# text\n"""']
)
def test_a_value_that_looks_like_a_comment_survives(value: str) -> None:
    text = f"[state]\nkey = {value}\nconfig_map = 'x'\n"
    assert tomllib.loads(refresh_comments(text)) == tomllib.loads(text)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="'"), max_size=20))
def test_any_text_in_a_value_survives(value: str) -> None:
    text = f"[state]\nkey = '{value}' # {value}\n"
    assert tomllib.loads(refresh_comments(text)) == tomllib.loads(text)


def test_a_table_that_the_settings_do_not_have_keeps_its_values() -> None:
    assert refresh_comments("[other]\nkey = 1 # gone\n") == "[other]\nkey = 1\n"


def test_a_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        refresh_comments("[state\n")
