"""How large a message an EventBus carries, by its manifest."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.doctor.payload import carried_bytes


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"jetstream": {}}, 1048576),
        ({"jetstream": {"maxPayload": None}}, 1048576),
        ({"jetstream": {"maxPayload": "9MB"}}, 9 * 1048576),
        ({"jetstream": {"maxPayload": "9mb"}}, 9 * 1048576),
        ({"jetstream": {"maxPayload": "9MiB"}}, 9 * 1048576),
        ({"jetstream": {"maxPayload": "9M"}}, 9_000_000),
        ({"jetstream": {"maxPayload": "512 KB"}}, 524288),
        ({"jetstream": {"maxPayload": "2097152"}}, 2097152),
        ({"jetstream": {"maxPayload": "0"}}, None),
        ({"jetstream": {"maxPayload": "much"}}, None),
        ({"jetstream": {"maxPayload": "9" * 5000}}, None),
        ({"jetstreamExotic": {"url": "nats://elsewhere"}}, None),
        ({"nats": {"native": {}}}, None),
        ({}, None),
    ],
)
def test_the_limit_is_read_as_the_bus_reads_it(spec: dict[str, Any], expected: int | None) -> None:
    assert carried_bytes(spec) == expected
