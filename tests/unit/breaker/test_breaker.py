"""The breaker that all pods share: when it opens, who may probe, what it costs, and that breaking it stops nobody."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.breaker.circuit import (
    Circuit,
    after_failure,
    after_limit,
    after_success,
    dump_circuit,
    is_closed,
    may_retry,
    open_seconds,
    opened_since,
    parse_circuit,
    rate_limited_seconds,
    reserved,
    without_probe,
)
from steps.breaker.shared import Breaker
from steps.breaker.store import mounted_circuits
from steps.core.errors import BreakerOpenError, Exit, RateLimitedError, UnavailableError
from tests.doubles.github import fail, primary_limited, secondary_limited
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, NEW, REPOSITORY, Scene

RULES, HOME = DEFAULTS.breaker, DEFAULTS.namespaces.workflows
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FOREVER = 1000


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def failed(times: int, *, every_s: float = 1.0) -> Circuit:
    found = Circuit()
    for number in range(times):
        found = after_failure(found, now=later(number * every_s), settings=RULES)
    return found


# The rules.


def test_four_failures_in_a_row_are_patience_the_fifth_opens() -> None:
    assert is_closed(failed(4))
    opened = failed(5)
    assert not is_closed(opened)
    assert open_seconds(opened, now=later(4), settings=RULES) == RULES.open_s


def test_a_success_in_between_starts_the_count_again() -> None:
    assert is_closed(after_failure(after_success(failed(4)), now=later(5), settings=RULES))


def test_failures_far_apart_are_not_in_a_row() -> None:
    assert is_closed(failed(20, every_s=RULES.window_s + 1))


def test_after_half_a_minute_one_may_probe_and_the_others_wait_for_what_comes_of_it() -> None:
    opened = failed(5)
    due = later(4 + RULES.open_s)
    assert open_seconds(opened, now=due, settings=RULES) == 0
    probing = reserved(opened, now=due, settings=RULES)
    assert open_seconds(probing, now=due, settings=RULES) > 0
    assert is_closed(after_success(probing))
    again = after_failure(probing, now=due, settings=RULES)
    assert open_seconds(again, now=due, settings=RULES) == RULES.open_s


def test_a_probe_whose_pod_dies_does_not_keep_it_open_for_ever() -> None:
    probing = reserved(failed(5), now=later(40), settings=RULES)
    assert open_seconds(probing, now=later(40 + RULES.open_s), settings=RULES) == 0


def test_the_retry_budget_of_all_pods_is_spent_and_comes_back() -> None:
    spent = Circuit()
    for number in range(RULES.retries + 1):
        spent = after_success(after_failure(spent, now=later(number / 10), settings=RULES))
        assert is_closed(spent)
    assert not may_retry(spent, now=later(7), settings=RULES)
    assert may_retry(spent, now=later(RULES.window_s), settings=RULES)


def test_what_is_known_after_each_failure() -> None:
    first = after_failure(Circuit(), now=NOW, settings=RULES)
    assert first == Circuit(failures=1, failed_at=NOW, window_at=NOW, spent=1)
    second = after_failure(first, now=later(3), settings=RULES)
    assert second == Circuit(failures=2, failed_at=later(3), window_at=NOW, spent=2)
    over = after_failure(second, now=later(RULES.window_s), settings=RULES)
    assert over == Circuit(failures=3, failed_at=later(RULES.window_s), window_at=later(RULES.window_s), spent=1)
    probing = reserved(failed(5), now=later(40), settings=RULES)
    assert probing == replace(failed(5), probe_until=later(40 + RULES.open_s))
    again = after_failure(probing, now=later(41), settings=RULES)
    assert again == replace(failed(5), failures=6, failed_at=later(41), open_until=later(41 + RULES.open_s), spent=6), (
        "the probe is over"
    )


@pytest.mark.parametrize(
    ("after_s", "in_a_row"),
    [(0, 2), (RULES.window_s - 1, 2), (RULES.window_s, 1), (1 - RULES.window_s, 2), (-RULES.window_s, 1)],
)
def test_failures_within_a_window_are_in_a_row_whichever_clock_is_ahead(after_s: float, in_a_row: int) -> None:
    first = after_failure(Circuit(), now=NOW, settings=RULES)
    assert after_failure(first, now=later(after_s), settings=RULES).failures == in_a_row


def test_the_budget_is_spent_when_more_than_that_were_tried_again_and_all_is_closed() -> None:
    spent = Circuit(window_at=NOW, spent=RULES.retries)
    assert may_retry(spent, now=NOW, settings=RULES)
    assert not may_retry(replace(spent, spent=RULES.retries + 1), now=NOW, settings=RULES)
    assert not may_retry(replace(spent, open_until=NOW), now=NOW, settings=RULES)
    ahead = replace(spent, spent=RULES.retries + 1, window_at=later(1))
    assert may_retry(ahead, now=NOW, settings=RULES), "a window in the future was opened by a clock that is wrong"


def test_what_nobody_needs_to_know_is_not_written_down() -> None:
    assert dump_circuit(Circuit()) == "{}"
    assert json.loads(dump_circuit(Circuit(failures=1, failed_at=NOW))) == {
        "failures": 1,
        "failed_at": "2026-03-01T12:00:00Z",
    }


def test_it_is_open_to_the_last_moment() -> None:
    opened = Circuit(failures=5, open_until=later(0.5))
    assert open_seconds(opened, now=NOW, settings=RULES) == 0.5
    assert open_seconds(opened, now=later(0.5), settings=RULES) == 0


def test_of_two_waits_that_were_asked_for_the_longest_counts() -> None:
    for waits in ((50, 10), (10, 50)):
        limited = Circuit()
        for wait_s in waits:
            limited = after_limit(limited, wait_s=wait_s, now=NOW, settings=RULES)
        assert limited == Circuit(limited_until=later(50))
    over = after_limit(Circuit(limited_until=later(-1)), wait_s=10, now=NOW, settings=RULES)
    assert over == Circuit(limited_until=later(10))
    bounded = after_limit(Circuit(), wait_s=RULES.limit_s + 1, now=NOW, settings=RULES)
    assert rate_limited_seconds(bounded, now=NOW, settings=RULES) == RULES.limit_s
    wrong = Circuit(limited_until=later(RULES.limit_s + 1))
    assert after_limit(wrong, wait_s=10, now=NOW, settings=RULES) == Circuit(limited_until=later(10))


@given(ahead_s=st.floats(-1e7, 1e7), times=st.integers(1, 20), probing=st.booleans())
def test_a_clock_that_is_wrong_never_keeps_it_open_longer(ahead_s: float, times: int, probing: bool) -> None:  # noqa: FBT001 - drawn
    wrong = Circuit()
    for _ in range(times):
        wrong = after_failure(wrong, now=later(ahead_s), settings=RULES)
    if probing:
        wrong = reserved(wrong, now=later(ahead_s), settings=RULES)
    wrong = after_limit(wrong, wait_s=1e9, now=later(ahead_s), settings=RULES)
    assert open_seconds(wrong, now=NOW, settings=RULES) <= RULES.open_s
    assert rate_limited_seconds(wrong, now=NOW, settings=RULES) <= RULES.limit_s


@given(text=st.text() | st.sampled_from(["null", "[]", '{"failures": "many"}', '{"newer": 1}']))
def test_what_cannot_be_read_knows_nothing_and_stops_nobody(text: str) -> None:
    found = parse_circuit(text)
    assert is_closed(found)
    assert parse_circuit(dump_circuit(found)) == found


def test_a_circuit_survives_being_written_down() -> None:
    found = after_limit(reserved(failed(7), now=NOW, settings=RULES), wait_s=9, now=NOW, settings=RULES)
    assert parse_circuit(dump_circuit(found)) == found


# What the pods make of it.


def a_push(scene: Scene) -> str:
    name: str = scene.agent()["metadata"]["name"]
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    return name


def stored(scene: Scene, dependency: str = "github") -> Circuit:
    found = scene.api.get("configmaps", RULES.config_map, namespace=HOME)
    return parse_circuit(found.get("data", {}).get(dependency, "{}"))


def asked_for_breaker(scene: Scene) -> list[str]:
    return [call.method for call in scene.api.calls if call.path.endswith(RULES.config_map)]


def test_while_all_is_well_it_costs_no_request(scene: Scene) -> None:
    a_push(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert asked_for_breaker(scene) == []


def test_a_github_that_is_down_for_one_pod_is_not_asked_by_the_next(scene: Scene) -> None:
    name = a_push(scene)
    first, second = scene.workflow(), scene.workflow(task=8)
    scene.github.fault(fail(503), times=FOREVER)
    assert scene.attempt(first) is Exit.TRY_AGAIN
    assert not is_closed(stored(scene))
    asked = len(scene.github.calls)
    assert asked == DEFAULTS.github.attempts

    scene.api.calls.clear()
    assert scene.attempt(second) is Exit.TRY_AGAIN
    assert len(scene.github.calls) == asked
    kinds = [(call.method, call.path.split("/")[-2]) for call in scene.api.calls]
    assert kinds.count(("GET", "configmaps")) == 1, "an open breaker costs one read"
    assert not any(call.method in ("PUT", "DELETE") for call in scene.api.calls), "and nothing is written"
    assert "the circuit breaker stays open" in scene.output.getvalue()
    assert scene.runs() == {name}


def test_when_github_is_back_one_probe_closes_it_and_the_push_is_dealt_with(scene: Scene) -> None:
    a_push(scene)
    workflow = scene.workflow()
    scene.github.fault(fail(503), times=DEFAULTS.github.attempts)
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    scene.later(RULES.open_s)
    assert scene.play(workflow) is Exit.DONE
    assert stored(scene) == replace(Circuit(), window_at=stored(scene).window_at, spent=stored(scene).spent)
    assert scene.runs() == set()


def test_argos_own_retries_outlast_an_outage_of_half_a_minute(scene: Scene) -> None:
    a_push(scene)
    scene.github.fault(fail(503), times=DEFAULTS.github.attempts)
    workflow = scene.workflow()
    for pause_s in (5, 10, 20):
        if scene.attempt(workflow) is Exit.DONE:
            break
        scene.later(pause_s)
    else:
        assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == set()


def test_two_pods_never_probe_at_once(scene: Scene) -> None:
    for _ in range(RULES.failures):
        scene.breakers().github.failed()
    scene.later(RULES.open_s)
    one, other = scene.breakers().github, scene.breakers().github
    race = Fault(method="PUT", path=RULES.config_map, before=lambda _: other.enter())
    scene.api.faults.add(race)
    with pytest.raises(BreakerOpenError):
        one.enter()


def test_it_is_not_asked_before_its_time_and_says_how_long_that_is(scene: Scene) -> None:
    for _ in range(RULES.failures):
        scene.breakers().github.failed()
    scene.later(10)
    for ask in (Breaker.enter, partial(Breaker.check, patience_s=1000)):
        with pytest.raises(
            BreakerOpenError, match=r"^github failed 5 times in a row: the circuit breaker stays open for 20 s more$"
        ) as refused:
            ask(scene.breakers().github)
        assert refused.value.retry_after_s == RULES.open_s - 10


def test_to_check_reserves_no_probe(scene: Scene) -> None:
    for _ in range(RULES.failures):
        scene.breakers().github.failed()
    scene.later(RULES.open_s)
    scene.breakers().github.check(patience_s=0)
    assert stored(scene).probe_until is None
    assert scene.breakers().github.enter() == 0
    assert stored(scene).probe_until == scene.clock.now() + timedelta(seconds=RULES.open_s)


@pytest.mark.parametrize("patience_s", [19, 20])
def test_a_wait_that_is_longer_than_ones_patience_is_refused_with_its_length(scene: Scene, patience_s: float) -> None:
    scene.breakers().github.limited(20)
    breaker = scene.breakers().github
    assert breaker.enter() == 20
    if patience_s >= 20:
        breaker.check(patience_s=patience_s)
        return
    with pytest.raises(RateLimitedError, match=r"^github limits the rate of requests of all pods$") as refused:
        breaker.check(patience_s=patience_s)
    assert refused.value.retry_after_s == 20


def test_a_known_rate_limit_is_read_again_since_it_may_have_changed(scene: Scene) -> None:
    scene.breakers().github.limited(20)
    breaker = scene.breakers().github
    assert breaker.enter() == 20
    scene.breakers().github.limited(50)
    assert breaker.enter() == 50


def test_it_is_changed_in_five_attempts_or_not_at_all(scene: Scene) -> None:
    def conflicts(times: int) -> Fault:
        return Fault(method="PUT", path=RULES.config_map, status=409, reason="Conflict", times=times)

    scene.api.faults.add(conflicts(4))
    assert scene.breakers().github.failed()
    assert stored(scene).failures == 1
    scene.api.faults.add(conflicts(5))
    scene.api.calls.clear()
    assert scene.breakers().github.failed()
    assert asked_for_breaker(scene) == ["GET", "PUT"] * 5
    assert stored(scene).failures == 1


def test_a_pod_that_was_refused_is_refused_again_though_it_started_when_all_was_well(scene: Scene) -> None:
    breaker = scene.breakers().github
    for _ in range(RULES.failures):
        breaker.failed()
    for _ in range(2):
        with pytest.raises(BreakerOpenError):
            breaker.enter()
        assert not breaker.is_closed


def test_an_open_one_that_cannot_be_read_any_more_stops_nobody_and_costs_no_time(scene: Scene) -> None:
    for _ in range(RULES.failures):
        scene.breakers().github.failed()
    breakers = scene.breakers()
    scene.api.delete("configmaps", RULES.config_map, namespace=HOME)
    assert breakers.github.enter() == 0
    breakers.github.check(patience_s=0)


def test_the_log_tells_once_that_it_opened_and_once_that_it_closed(scene: Scene) -> None:
    breaker = scene.breakers().github
    for _ in range(RULES.failures):
        breaker.failed()
    breaker.succeeded()
    told = [line for line in scene.events() if line["event"].startswith("circuit breaker")]
    assert [line["event"] for line in told] == ["circuit breaker open", "circuit breaker closed"]


def test_each_dependency_has_a_circuit_of_its_own_and_a_change_says_of_which(scene: Scene) -> None:
    scene.breakers().github.failed()
    breakers = scene.breakers()
    assert breakers.agents.is_closed
    breakers.agents.failed()
    assert (stored(scene).failures, stored(scene, "agents").failures) == (1, 1)
    told = [line for line in scene.events() if line["event"] == "audit"]
    assert [(line["cause"], line["detail"]) for line in told] == [("breaker", "github"), ("breaker", "agents")]


def test_what_is_no_change_is_not_written(scene: Scene) -> None:
    breaker = scene.breakers().github
    breaker.failed()
    scene.api.calls.clear()
    breaker.succeeded()
    breaker.succeeded()
    assert asked_for_breaker(scene) == ["GET", "PUT"]


def test_an_open_one_is_known_to_be_open_and_so_is_one_that_was_closed_again(scene: Scene) -> None:
    breaker = scene.breakers().github
    assert [breaker.failed() for _ in range(RULES.failures)] == [True] * (RULES.failures - 1) + [False]
    assert not breaker.is_closed
    breaker.succeeded()
    assert breaker.is_closed


def test_a_folder_that_is_not_mounted_or_holds_no_text_tells_nothing(tmp_path: Path) -> None:
    read = mounted_circuits(tmp_path)
    assert read("github") == ""
    (tmp_path / "github").write_bytes(b"\xff")
    assert read("github") == ""
    (tmp_path / "github").write_text("{}")
    assert read("github") == "{}"


def test_an_answer_that_says_no_is_an_answer(scene: Scene) -> None:
    for _ in range(RULES.failures - 1):
        scene.breakers().github.failed()
    scene.github.fault(fail(403), method="GET", path="/pulls$")
    a_push(scene)
    assert scene.attempt(scene.workflow()) is Exit.FORBIDDEN
    assert stored(scene).failures == 0


def test_a_rate_limit_that_one_pod_meets_is_waited_for_by_the_others(scene: Scene) -> None:
    a_push(scene)
    scene.github.fault(primary_limited(reset_in_s=1800), method="GET")
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    asked = len(scene.github.calls)
    assert scene.attempt(scene.workflow(task=8)) is Exit.TRY_AGAIN
    assert len(scene.github.calls) == asked
    assert is_closed(stored(scene)), "it limits; it has not failed"


def test_a_short_rate_limit_is_sat_out_under_the_hold(scene: Scene) -> None:
    a_push(scene)
    scene.github.fault(secondary_limited(retry_after=20), method="GET")
    waiting = scene.breakers().github
    began = scene.clock.monotonic()
    waiting.limited(20)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.clock.monotonic() - began >= 20


def test_an_agents_api_that_is_down_is_left_alone_as_well(scene: Scene) -> None:
    for _ in range(RULES.failures):
        a_push(scene)
    down = Fault(method="DELETE", path="/coderuns/", status=503, reason="ServiceUnavailable", times=0)
    scene.api.faults.add(down)
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert not is_closed(stored(scene, "agents"))
    deletes = sum(call.method == "DELETE" for call in scene.api.calls)
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert sum(call.method == "DELETE" for call in scene.api.calls) == deletes
    scene.api.faults.clear()
    scene.later(RULES.open_s)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


@pytest.mark.parametrize(
    "broken",
    [{"status": 403, "reason": "Forbidden"}, {"status": 500, "reason": "InternalError"}, {"lose": "reply"}],
    ids=["forbidden", "failing", "no answer"],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_broken_breaker_stops_no_cancellation(scene: Scene, broken: dict[str, object], method: str) -> None:
    a_push(scene)
    scene.api.faults.add(Fault(method=method, path=RULES.config_map, times=0, **broken))  # type: ignore[arg-type]
    scene.github.fault(fail(503), times=2)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


def test_without_its_config_map_all_goes_on(scene: Scene) -> None:
    a_push(scene)
    workflow = scene.workflow()
    breakers = scene.breakers()
    scene.api.delete("configmaps", RULES.config_map, namespace=HOME)
    assert breakers.github.failed()
    assert breakers.github.enter() == 0
    del workflow


def test_a_config_map_with_foreign_data_is_ignored(scene: Scene) -> None:
    scene.api.patch("configmaps", RULES.config_map, {"data": {"github": "{]", "notes": "ours"}}, namespace=HOME)
    a_push(scene)
    scene.github.fault(fail(503))
    assert scene.play(scene.workflow()) is Exit.DONE
    data = scene.api.get("configmaps", RULES.config_map, namespace=HOME)["data"]
    assert data["notes"] == "ours"
    assert json.loads(data["github"]).get("failures", 0) == 0


def open_it(scene: Scene, dependency: str = "github") -> None:
    """Another pod fails until the circuit opens."""
    for _ in range(RULES.failures):
        getattr(scene.breakers(), dependency).failed()


def test_a_result_of_a_request_sent_before_it_opened_neither_closes_nor_extends_it(scene: Scene) -> None:
    early = scene.breakers().github
    assert early.enter() == 0
    open_it(scene)
    scene.later(10)
    opened = stored(scene)
    assert not early.failed(), "and it is not repeated"
    assert stored(scene) == opened
    early.succeeded()
    assert stored(scene) == opened


def test_a_result_of_a_request_sent_before_it_opened_leaves_anothers_probe_alone(scene: Scene) -> None:
    early = scene.breakers().github
    early.enter()
    open_it(scene)
    scene.later(RULES.open_s)
    probing = scene.breakers().github
    assert probing.enter() == 0
    reserved_until = stored(scene).probe_until
    early.limited(10)
    early.failed()
    early.succeeded()
    assert (stored(scene).probe_until, is_closed(stored(scene))) == (reserved_until, False)
    probing.succeeded()
    assert is_closed(stored(scene))


def test_a_result_of_a_step_that_only_checked_is_judged_by_that_check(scene: Scene) -> None:
    """Deletes of agents do not enter one by one."""
    early = scene.breakers().agents
    early.check(patience_s=0)
    open_it(scene, "agents")
    opened = stored(scene, "agents")
    early.succeeded()
    early.failed()
    assert stored(scene, "agents") == opened
    scene.later(RULES.open_s)
    later_step = scene.breakers().agents
    later_step.check(patience_s=0)
    later_step.succeeded()
    assert is_closed(stored(scene, "agents"))


def test_each_thread_reports_on_its_own_request(scene: Scene) -> None:
    shared = scene.breakers().github
    with ThreadPoolExecutor(max_workers=1) as other:
        other.submit(shared.enter).result()
        open_it(scene)
        other.submit(shared.failed).result()
        scene.later(RULES.open_s)
        assert shared.enter() == 0, "this thread probes"
        probing = stored(scene)
        other.submit(shared.succeeded).result()
        assert stored(scene) == probing
    shared.succeeded()
    assert is_closed(stored(scene))


def test_a_probe_that_meets_a_rate_limit_does_not_lock_itself_out(scene: Scene) -> None:
    open_it(scene)
    scene.later(RULES.open_s)
    probing = scene.breakers().github
    assert probing.enter() == 0
    probing.limited(20)
    found = stored(scene)
    assert (is_closed(found), found.probe_until) == (False, None), "half-open"
    for breaker in (probing, scene.breakers().github):
        assert breaker.enter() == 20
    assert stored(scene).probe_until is None, "no probe while it is limited"
    scene.later(20)
    assert probing.enter() == 0
    with pytest.raises(BreakerOpenError):
        scene.breakers().github.enter()
    probing.succeeded()
    assert is_closed(stored(scene))


def test_a_push_whose_probe_meets_a_rate_limit_is_done_after_it(scene: Scene) -> None:
    a_push(scene)
    open_it(scene)
    scene.later(RULES.open_s)
    scene.github.fault(secondary_limited(retry_after=20), method="GET")
    began = scene.clock.monotonic()
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert 20 <= scene.clock.monotonic() - began < 40
    assert is_closed(stored(scene))


def test_a_probe_that_would_wait_too_long_is_left_to_the_next_pod(scene: Scene) -> None:
    open_it(scene)
    scene.breakers().github.limited(1000)
    scene.later(RULES.open_s)
    github = scene.context_without_pod(scene.workflow()).clients.github(lambda: None)
    with pytest.raises(RateLimitedError):
        github.pull_request(repository=REPOSITORY, number=1)
    assert stored(scene).probe_until is None
    assert scene.github.calls == []


@given(ahead_s=st.floats(-100, 100), limit_s=st.floats(0, 100))
def test_a_probe_without_a_result_leaves_room_for_the_next(ahead_s: float, limit_s: float) -> None:
    probing = reserved(failed(5), now=later(ahead_s), settings=RULES)
    left = without_probe(after_limit(probing, wait_s=limit_s, now=later(ahead_s), settings=RULES))
    assert left.open_until == probing.open_until
    assert open_seconds(left, now=later(4 + RULES.open_s), settings=RULES) == 0
    assert not opened_since(probing, left)
    assert opened_since(Circuit(), left)
    assert not opened_since(left, after_success(left))


def test_a_step_that_may_cancel_without_github_is_not_stopped_by_its_breaker(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    a_push(scene)
    for _ in range(RULES.failures):
        scene.breakers().github.failed()
    asked = len(scene.github.calls)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()
    assert len(scene.github.calls) == asked


def test_the_retry_budget_ends_a_pods_own_retries(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, breaker=replace(RULES, retries=1, failures=100))
    github = scene.context_without_pod(scene.workflow()).clients.github(lambda: None)
    scene.github.fault(fail(503), times=FOREVER)
    with pytest.raises(UnavailableError):
        github.pull_request(repository=REPOSITORY, number=1)
    assert len(scene.github.calls) == 2
