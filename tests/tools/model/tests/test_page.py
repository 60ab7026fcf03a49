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
from tests.tools.model.picture import TITLE, Line, lines, picture
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
    assert {row[5] for point, row in ROWS.items() if point in unnamed} <= {"4.1 s", "4.7 s", "4.9 s"}


def test_the_picture_is_drawn_from_the_model() -> None:
    (drawn,) = [line for line in lines(rates=DRAWN[:5]) if line.help and line.cores == 2]
    points_ = re.findall(r'class="line c2" points="([^"]*)"', PICTURE.read_text())[0].split()
    assert re.findall(r'class="line c2" points="([^"]*)"', picture([drawn]))[0].split() == points_[:5]


def test_the_picture_says_what_it_shows_and_has_both_schemes() -> None:
    text = PICTURE.read_text()
    assert 'width="800"' in text.partition(">")[0]
    assert f"<title>{TITLE}</title>" in text
    assert "prefers-color-scheme: dark" in text
    assert "a model" in TITLE


def test_equal_lines_give_equal_bytes() -> None:
    line = Line(cores=2, help=True, times=((10, 3.0), (10_000, 7_200.0)))
    assert picture([line]) == picture([line])


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
