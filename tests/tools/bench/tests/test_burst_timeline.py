"""The picture of a burst."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

from tests.tools.bench.cluster.burst_timeline import Wait, burst_picture

OWN = Wait(moments={"lease": 2.0, "deleting": 2.2, "gone": 3.0, "settled": 3.4}, helped=False)
HELPED = Wait(moments={"lease": 2.5, "deleting": 2.8, "gone": 4.0, "settled": 5.0}, helped=True)
NOTHING_TO_STOP = Wait(moments={"lease": 3.0, "gone": 3.2, "settled": 3.9}, helped=True)


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - made here


def test_each_task_has_a_row_in_the_order_of_their_ends() -> None:
    found = texts(burst_picture([HELPED, OWN, NOTHING_TO_STOP]))
    assert found[0] == "3 pushes at once: labels moved 5 s after the first; 2 helped by another pod"
    rows = [each for each in found if each.startswith("task")]
    assert rows == ["task 1, own pod", "task 2, helped", "task 3, helped"]


def test_the_bars_of_a_task_join_each_other() -> None:
    svg = ET.fromstring(burst_picture([OWN]))  # noqa: S314 - made here
    bars = [each.attrib for each in svg.iter("{http://www.w3.org/2000/svg}rect") if each.get("y") == "52"]
    assert len(bars) == 4
    for left, right in pairwise(bars):
        assert abs(float(left["x"]) + float(left["width"]) - float(right["x"])) < 0.3


def test_equal_measurements_give_equal_bytes() -> None:
    assert burst_picture([OWN, HELPED]) == burst_picture([OWN, HELPED])
