"""docs/scale.md and docs/burst-model.svg are what the model comes to, and the command line works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.tools.model.__main__ import COALESCED, DOCUMENT, PICTURE, main, model, options
from tests.tools.model.burst import play
from tests.tools.model.levers import Lever
from tests.tools.model.page import markdown
from tests.tools.model.picture import RATES as DRAWN
from tests.tools.model.picture import Line, headline, lines, picture
from tests.tools.model.points import CORES, RATES, Played, Point, played, points
from tests.tools.model.report import Results, cells, duration

OPERATIONS = DOCUMENT.with_name("operations.md")


def rows() -> list[list[str]]:
    """The rows of the bursts in the document."""
    section = DOCUMENT.read_text().partition("## Bursts")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[1:]]


ROWS = dict(zip(points(), rows(), strict=True))


@pytest.mark.parametrize("cores", CORES)
@pytest.mark.parametrize("rate", RATES[:-1])
def test_each_burst_of_the_document_is_what_the_model_says(rate: int, cores: int) -> None:
    for point in points():
        if (point.rate, point.cores) == (rate, cores):
            assert ROWS[point] == cells(played(point))


@pytest.mark.parametrize("places", [2, 10, 50])
def test_the_numbers_of_the_largest_bursts_are_what_the_model_says(places: int) -> None:
    point = Point(rate=RATES[-1], help=True, cores=8, places=places)
    shown = cells(Played(point=point, outcome=play(point.parameters), levers=()))
    assert ROWS[point][:-2] == shown[:-2]


def test_the_rest_of_the_document_is_what_the_model_says(quick: Results) -> None:
    bare = Results(compared=quick.compared, limits=quick.limits, played=(), coalesced=quick.coalesced)
    text = DOCUMENT.read_text()
    assert [line for line in markdown(bare, pushes=COALESCED).splitlines() if line not in text.splitlines()] == []
    assert len(text.splitlines()) == len(markdown(bare, pushes=COALESCED).splitlines()) + len(ROWS)


@pytest.fixture(scope="module")
def quick() -> Results:
    """Everything but the bursts."""
    return model(rates=())


def test_a_burst_that_waits_names_what_it_waits_for() -> None:
    unnamed = [point for point, row in ROWS.items() if point.rate > 10 and not row[-1]]
    waits = [ROWS[point][5] for point in unnamed]
    assert waits
    assert all(wait.endswith(" s") and float(wait.removesuffix(" s")) < 10 for wait in waits)


def drawn(svg: str, *, style: str) -> list[str]:
    """The points of a line."""
    (found,) = re.findall(rf'class="line {style}" points="([^"]*)"', svg)
    return str(found).split()


def test_the_picture_is_drawn_from_the_model() -> None:
    """The rates that are quick to play, and the one of the headline."""
    played_ = picture(lines(rates=(*DRAWN[:5], 1_000)))
    shown = PICTURE.read_text()
    for style in ("orange", "blue", "green", "orange without", "blue without", "green without"):
        points_ = drawn(shown, style=style)
        assert drawn(played_, style=style) == [*points_[:5], points_[DRAWN.index(1_000)]]


def test_the_picture_says_what_it_shows_with_the_numbers_of_the_document() -> None:
    """On 8 cores with the 10 places that the picture draws."""
    helped, alone = (ROWS[Point(rate=1_000, help=helps, cores=8, places=10)][5] for helps in (True, False))
    said = f"Modelled: agents of 1,000 pushes in a minute gone after {helped} with help, {alone} without (8 cores)"
    assert f"<title>{said}</title>" in PICTURE.read_text()


def compared(*, helped: float, alone: float) -> list[Line]:
    return [
        Line(cores=8, help=helps, times=((10, 3.0), (1_000, seconds), (10_000, 7_200.0)))
        for helps, seconds in ((False, alone), (True, helped))
    ]


def test_the_headline_has_the_times_that_are_drawn() -> None:
    assert "gone after 40.0 s with help, 100 s without" in headline(compared(helped=40.0, alone=100.0))


def test_equal_lines_give_equal_bytes() -> None:
    shown = compared(helped=40.0, alone=100.0)
    assert picture(shown) == picture(shown)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.14, "3.1 s"), (59.9, "59.9 s"), (61.4, "61 s"), (601, "10 min"), (7_199, "120 min"), (7_200, "2.0 h")],
)
def test_a_time_has_only_significant_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_row_names_the_strongest_lever() -> None:
    point = Point(rate=10, help=False, cores=2, places=2)
    lever = Lever(bottleneck="semaphore", setting="`workflow.concurrent` doubled", saves=0.5)
    row = cells(Played(point=point, outcome=play(point.parameters), levers=(lever,)))
    assert row[-2:] == ["semaphore", "`workflow.concurrent` doubled (-50%)"]


def test_the_command_gives_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.tools.model.__main__.RATES", (10,))
    target = tmp_path / "model.json"
    assert main(["--json", str(target)]) == 0
    page = json.loads(target.read_text())
    assert page.keys() == {"compared", "limits", "bursts", "coalesced"}
    assert len(page["bursts"]) == 18
    assert {"rate", "help", "gone", "waits_95", "levers"} <= page["bursts"][0].keys()
    assert "Bursts" in capsys.readouterr().out


def test_the_document_holds_every_burst(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options(["--write", "--quick"])
    assert "--write goes without --quick" in capsys.readouterr().err


def modelled() -> set[str]:
    """The times that the operations page says are modelled."""
    section = OPERATIONS.read_text().partition("## Bursts")[2].partition("\n## ")[0]
    return set(re.findall(r"modelled: ([\d,.]+ (?:s|min|h))", section))


def test_the_modelled_times_of_the_operations_page_are_in_the_document() -> None:
    assert len(modelled()) >= 5
    assert modelled() <= {cell for row in ROWS.values() for cell in row}
