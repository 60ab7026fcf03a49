"""Processors and client rates, by hand-made examples."""

from __future__ import annotations

import pytest

from tests.tools.model.timeline import Processor, Rate, Timeline


def ended(work: list[tuple[float, float, int]], *, cores: int) -> list[float]:
    """When each piece of work ends, by its begin, its processor time and the cores that it can use."""
    timeline = Timeline()
    processor = Processor(timeline, cores=cores)
    ends: dict[int, float] = {}

    def end(number: int) -> None:
        ends[number] = timeline.now

    def begin(number: int, cpu_s: float, wanted: int) -> None:
        processor.work(cpu_s, lambda: end(number), cores=wanted)

    for number, (at, cpu_s, wanted) in enumerate(work):
        timeline.at(at, lambda number=number, cpu_s=cpu_s, wanted=wanted: begin(number, cpu_s, wanted))  # type: ignore[misc]
    timeline.run()
    return [ends[number] for number in range(len(work))]


@pytest.mark.parametrize(
    ("work", "ends"),
    [
        ([(0, 2, 1)], [2]),
        ([(0, 2, 2)], [1]),
        ([(0, 2, 1), (0, 2, 1)], [2, 2]),
        ([(0, 2, 1), (0, 2, 1), (0, 2, 1), (0, 2, 1)], [4, 4, 4, 4]),
        ([(0, 2, 2), (0, 2, 2)], [2, 2]),
        ([(0, 1, 1), (5, 1, 1)], [1, 6]),
        ([(0, 2, 1), (0, 2, 1), (0, 1, 1), (1, 1, 1)], [3, 3, 5 / 3, 8 / 3]),
    ],
)
def test_two_cores_are_shared_equally(work: list[tuple[float, float, int]], ends: list[float]) -> None:
    assert ended(work, cores=2) == pytest.approx(ends)


def test_all_processor_time_is_spent() -> None:
    assert max(ended([(0, 3, 1), (0, 1, 1), (0.5, 2, 1), (1, 4, 1)], cores=1)) == pytest.approx(10)


def test_actions_of_one_time_run_in_the_order_in_which_they_were_planned() -> None:
    timeline, seen = Timeline(), list[str]()
    timeline.at(2, lambda: seen.append("last"))
    timeline.at(1, lambda: seen.append("first"))
    timeline.at(1, lambda: seen.append("second"))
    timeline.run()
    assert (seen, timeline.now) == (["first", "second", "last"], 2)


def test_a_client_sends_its_burst_at_once_and_then_at_its_rate() -> None:
    rate = Rate(qps=5, burst=10)
    assert [rate.take(1, now=0) for _ in range(12)] == [0] * 10 + [0.2, 0.4]


def test_a_client_that_was_idle_may_send_a_burst_again_but_no_more() -> None:
    rate = Rate(qps=5, burst=10)
    rate.take(10, now=0)
    assert [rate.take(10, now=100), rate.take(1, now=100)] == [100, 100.2]
