"""What the breaker makes of results that come late, and of probes that meet a rate limit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.breaker.circuit import (
    Circuit,
    after_limit,
    after_success,
    is_closed,
    open_seconds,
    opened_since,
    reserved,
    without_probe,
)
from steps.core.errors import BreakerOpenError, Exit, RateLimitedError
from tests.doubles.github import secondary_limited
from tests.support.harness import REPOSITORY, Scene
from tests.unit.breaker.circuits import RULES, a_push, failed, later, stored


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
