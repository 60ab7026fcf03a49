"""The breaker that all pods share: its cost, when pods wait for each other, and that a broken one blocks no pod."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from steps.breaker.circuit import Circuit, is_closed
from steps.breaker.shared import Breaker
from steps.breaker.store import mounted_circuits
from steps.core.errors import BreakerOpenError, Exit, RateLimitedError, UnavailableError
from tests.doubles.github import fail, primary_limited, secondary_limited
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, REPOSITORY, Scene
from tests.unit.breaker.circuits import HOME, RULES, a_push, stored

FOREVER = 1000


def asked_for_breaker(scene: Scene) -> list[str]:
    return [call.method for call in scene.api.calls if call.path.endswith(RULES.config_map)]


def test_a_closed_breaker_costs_no_request(scene: Scene) -> None:
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


def test_when_github_is_back_one_probe_closes_it_and_the_push_is_processed(scene: Scene) -> None:
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


def test_an_open_breaker_sends_no_request_and_says_how_long_it_stays_open(scene: Scene) -> None:
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
def test_a_wait_beyond_the_patience_is_refused_with_its_length(scene: Scene, patience_s: float) -> None:
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


def test_a_refused_pod_is_refused_again_although_the_breaker_was_closed_when_it_started(scene: Scene) -> None:
    breaker = scene.breakers().github
    for _ in range(RULES.failures):
        breaker.failed()
    for _ in range(2):
        with pytest.raises(BreakerOpenError):
            breaker.enter()
        assert not breaker.is_closed


def test_an_open_breaker_that_cannot_be_read_any_more_blocks_no_request_and_costs_no_time(scene: Scene) -> None:
    for _ in range(RULES.failures):
        scene.breakers().github.failed()
    breakers = scene.breakers()
    scene.api.delete("configmaps", RULES.config_map, namespace=HOME)
    assert breakers.github.enter() == 0
    breakers.github.check(patience_s=0)


def test_the_log_says_once_that_it_opened_and_once_that_it_closed(scene: Scene) -> None:
    breaker = scene.breakers().github
    for _ in range(RULES.failures):
        breaker.failed()
    breaker.succeeded()
    lines = [line for line in scene.events() if line["event"].startswith("circuit breaker")]
    assert [line["event"] for line in lines] == ["circuit breaker open", "circuit breaker closed"]


def test_each_dependency_has_a_circuit_of_its_own_and_a_change_says_of_which(scene: Scene) -> None:
    scene.breakers().github.failed()
    breakers = scene.breakers()
    assert breakers.agents.is_closed
    breakers.agents.failed()
    assert (stored(scene).failures, stored(scene, "agents").failures) == (1, 1)
    lines = [line for line in scene.events() if line["event"] == "audit"]
    assert [(line["cause"], line["detail"]) for line in lines] == [("breaker", "github"), ("breaker", "agents")]


def test_what_is_no_change_is_not_written(scene: Scene) -> None:
    breaker = scene.breakers().github
    breaker.failed()
    scene.api.calls.clear()
    breaker.succeeded()
    breaker.succeeded()
    assert asked_for_breaker(scene) == ["GET", "PUT"]


def test_an_open_breaker_is_known_to_be_open_and_one_that_closed_to_be_closed(scene: Scene) -> None:
    breaker = scene.breakers().github
    assert [breaker.failed() for _ in range(RULES.failures)] == [True] * (RULES.failures - 1) + [False]
    assert not breaker.is_closed
    breaker.succeeded()
    assert breaker.is_closed


def test_a_folder_that_is_not_mounted_or_has_no_text_gives_no_state(tmp_path: Path) -> None:
    read = mounted_circuits(tmp_path)
    assert read("github") == ""
    (tmp_path / "github").write_bytes(b"\xff")
    assert read("github") == ""
    (tmp_path / "github").write_text("{}")
    assert read("github") == "{}"


def test_a_refusal_is_an_answer_and_not_a_failure(scene: Scene) -> None:
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


def test_a_short_rate_limit_is_waited_out_under_the_hold(scene: Scene) -> None:
    a_push(scene)
    scene.github.fault(secondary_limited(retry_after=20), method="GET")
    waiting = scene.breakers().github
    began = scene.clock.monotonic()
    waiting.limited(20)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.clock.monotonic() - began >= 20


def test_no_pod_asks_an_api_of_agents_that_is_down(scene: Scene) -> None:
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


ODD_CIRCUITS = [
    '{"open_until": "2026-01-01T00:00:00"}',
    '{"open_until": "2026-01-01"}',
    '{"limited_until": "2099-01-01T00:00:00"}',
    '{"failed_at": "2026-01-01T00:00:00", "failures": 4}',
    '{"window_at": "2026-01-01T00:00:00", "spent": 3}',
    '{"open_until": "0001-01-01T00:00:00+14:00"}',
    '{"open_until": "9999-12-31T23:59:59-14:00"}',
]


@pytest.mark.parametrize("dependency", ["github", "agents"])
@pytest.mark.parametrize("text", ODD_CIRCUITS)
def test_a_time_without_zone_or_outside_the_calendar_is_a_new_circuit(scene: Scene, text: str, dependency: str) -> None:
    scene.api.patch("configmaps", RULES.config_map, {"data": {dependency: text}}, namespace=HOME)
    assert stored(scene, dependency) == Circuit()
    a_push(scene)
    scene.github.fault(fail(503))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    scene.later(200)
    assert not scene.reconcile()


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
