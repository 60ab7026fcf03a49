"""The watermark of a push, and of a record that a push takes over."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from steps.domain.watermark import push_watermark, request_watermark
from tests.support.pushes import T0, at


@pytest.mark.parametrize(
    ("created", "pushed", "offset", "expected"),
    [
        pytest.param(5, 0, 0, -2, id="equal clocks: a run of the same two seconds may be on either side of the push"),
        pytest.param(3600, 0, 0, -2, id="a redelivery an hour late has the watermark of the push"),
        pytest.param(3600, 0, 20, 18, id="the API server's clock is ahead of GitHub's"),
        pytest.param(3600, 0, -20, -22, id="the API server's clock is behind GitHub's"),
        pytest.param(0, 30, 0, 0, id="never later than the Workflow itself"),
    ],
)
def test_the_watermark_is_the_time_of_the_push_by_the_api_servers_clock(
    created: float, pushed: float, offset: float, expected: float
) -> None:
    assert push_watermark(created_at=at(created), pushed_at=at(pushed), offset_s=offset) == at(expected)


def test_a_watermark_is_in_utc_for_any_time_zone_of_the_push() -> None:
    pushed_at = T0.astimezone(timezone(timedelta(hours=9)))
    assert push_watermark(created_at=at(5), pushed_at=pushed_at, offset_s=0).tzinfo is UTC


def test_a_request_that_includes_newer_runs_reaches_to_the_second_before_its_workflow() -> None:
    assert request_watermark(created_at=at(60)) == at(59)
    tokyo = T0.astimezone(timezone(timedelta(hours=9)))
    assert request_watermark(created_at=tokyo).tzinfo is UTC
