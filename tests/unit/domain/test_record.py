"""The record as text: what an earlier version wrote is read, and what this version writes is read back."""

from __future__ import annotations

import json

from steps.domain.push import ZERO_SHA
from steps.domain.record import dump_record, parse_record
from tests.support import factories


def test_a_record_is_read_back_as_it_was_written() -> None:
    record = factories.record(factories.push(), older=("a" * 40, "b" * 40))
    assert parse_record(dump_record(record)) == record


def test_a_record_of_the_version_before_has_no_replaced_commits() -> None:
    """That version did not write `older` and `push.before` (docs/upgrade-and-removal.md)."""
    text = json.loads(dump_record(factories.record(factories.push())))
    del text["older"], text["push"]["before"]
    found = parse_record(json.dumps(text))
    assert (found.older, found.push.before) == ((), ZERO_SHA)
