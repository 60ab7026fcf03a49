"""The pictures of a burst and of a push."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

from tests.tools.bench.cluster.burst_timeline import Wait, burst_headline, burst_picture
from tests.tools.bench.cluster.timeline import LANES, headline, picture

OWN = Wait(moments={"lease": 2.0, "deleting": 2.2, "gone": 3.0, "settled": 3.4}, helped=False)
HELPED = Wait(moments={"lease": 2.5, "deleting": 2.8, "gone": 4.0, "settled": 5.0}, helped=True)
NOTHING_TO_STOP = Wait(moments={"lease": 3.0, "gone": 3.2, "settled": 3.9}, helped=True)
LEGEND = "58"


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - made here


def test_each_task_has_a_row_in_the_order_of_their_ends() -> None:
    found = texts(burst_picture([HELPED, OWN, NOTHING_TO_STOP]))
    assert found[0] == "3 pushes at once: agents proven gone within 4.0 s, labels moved within 5.0 s"
    assert found[1].endswith("; the pod of another push helped 2")
    rows = [each for each in found if each.startswith("task")]
    assert rows == ["task 1, own pod", "task 2, helped", "task 3, helped"]


def test_the_bars_of_a_task_join_each_other() -> None:
    svg = ET.fromstring(burst_picture([OWN]))  # noqa: S314 - made here
    drawn = [each.attrib for each in svg.iter("{http://www.w3.org/2000/svg}rect") if each.get("height") == "12"]
    row = [each for each in drawn if each["y"] != LEGEND]
    assert len(row) == 4
    for left, right in pairwise(row):
        assert abs(float(left["x"]) + float(left["width"]) - float(right["x"])) < 0.3


def test_equal_measurements_give_equal_bytes() -> None:
    assert burst_picture([OWN, HELPED]) == burst_picture([OWN, HELPED])


def test_a_task_without_an_agent_counts_as_gone_when_it_is_settled() -> None:
    none = Wait(moments={"lease": 1.0, "settled": 6.0}, helped=False)
    assert burst_headline([OWN, none]) == (
        "2 pushes at once: agents proven gone within 6.0 s, labels moved within 6.0 s"
    )


MOMENTS = {
    "workflow": 0.1,
    "lease": 2.0,
    "deleting": 2.25,
    "proven": 3.5,
    "gone": 3.0,
    "labels": 3.75,
    "settled": 4.0,
    "finished": 10.0,
}


def test_the_headline_of_a_push_has_the_medians() -> None:
    pushes = [MOMENTS | {"gone": gone} for gone in (2.9, 3.3, 9.0)]
    assert headline(pushes) == "Agents gone 3.3 s after the push, labels moved after 3.8 s"
    assert texts(picture(pushes))[:2] == [
        headline(pushes),
        "From the webhook to the free mutex: medians of 3 pushes to tasks with one stale agent",
    ]


def test_a_push_has_a_bar_for_each_lane_on_the_axis_of_the_seconds() -> None:
    svg = ET.fromstring(picture([MOMENTS]))  # noqa: S314 - made here
    bars = {each.attrib["class"]: each.attrib for each in svg.iter("{http://www.w3.org/2000/svg}rect")}
    agent = bars["bar orange"]
    assert (agent["x"], agent["width"]) == ("368.0", "36.0")
    assert [each for each in texts(picture([MOMENTS])) if each in {lane[0] for lane in LANES}] == [
        lane[0] for lane in LANES
    ]


def test_what_was_not_measured_has_no_bar() -> None:
    without = {moment: at for moment, at in MOMENTS.items() if moment != "proven"}
    assert "decide, delete, prove" not in texts(picture([without]))
    assert picture([without]) == picture([without])
