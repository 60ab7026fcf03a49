"""The record as text: what an earlier version wrote is read, and what this version writes is read back."""

from __future__ import annotations

import json
from dataclasses import replace

from steps.domain import record as records
from steps.domain.agent import Agent, RunOutcome
from steps.domain.push import ZERO_SHA
from steps.domain.record import dump_record, parse_record
from tests.support import factories


def agent(uid: str, *, outcome: RunOutcome = RunOutcome.KEPT) -> Agent:
    _, run = factories.run()
    return replace(run.as_agent(outcome=outcome, reason=""), uid=uid)


def test_a_record_is_read_back_as_it_was_written() -> None:
    record = factories.record(factories.push(), older=("a" * 40, "b" * 40))
    assert parse_record(dump_record(record)) == record


def test_a_record_of_the_version_before_has_no_replaced_commits() -> None:
    """That version did not write `older` and `push.before` (docs/upgrade-and-removal.md)."""
    text = json.loads(dump_record(factories.record(factories.push())))
    del text["older"], text["push"]["before"]
    found = parse_record(json.dumps(text))
    assert (found.older, found.push.before) == ((), ZERO_SHA)


def test_what_agents_own_is_read_back_and_costs_nothing_for_those_that_own_nothing() -> None:
    owner = replace(agent("a"), owned=("x", "y"), kept_for="child")
    record = factories.record(factories.push()).with_agents((owner, agent("b")))
    text = dump_record(record)
    assert parse_record(text) == record
    assert (text.count('"owned"'), text.count('"kept_for"')) == (1, 1)


def test_the_uids_of_owned_objects_are_bounded_over_all_agents() -> None:
    uids = tuple(map(str, range(2000)))
    stopping = [replace(agent(name, outcome=RunOutcome.STOPPING), owned=uids) for name in "abcd"]
    record = factories.record(factories.push()).with_agents((*stopping, agent("e")))
    assert [agent.owned for agent in record.agents] == [uids[:200]] * 4 + [None]
    one = record.with_agents((replace(stopping[0], owned=uids[:1000]),))
    assert one.agents[0].owned == uids[:1000]


def test_of_too_many_agents_those_that_reconcile_has_to_know_are_dropped_last() -> None:
    plain = tuple(agent(str(number)) for number in range(records.MAX_AGENTS))
    owner = replace(agent("owner"), kept_for="child")
    gone, stuck = agent("gone", outcome=RunOutcome.GONE), agent("stuck", outcome=RunOutcome.STUCK)
    record = factories.record(factories.push()).with_agents((*plain, owner, gone, stuck))
    assert [each.uid for each in record.agents[:4]] == ["stuck", "gone", "owner", "0"]
    assert len(record.agents) == records.MAX_AGENTS
