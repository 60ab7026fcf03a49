"""Entry `render`: how long rendering every manifest takes, and how much of that is Hera's import."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.tools.bench.child import Ended, python
from tests.tools.bench.measured import Entry, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tools.bench.bench import Bench

ROUNDS = 5
TARGET_S = 2.5


def measure(bench: Bench) -> Iterator[Row]:
    """Interleave a bare interpreter, Hera's import and the whole rendering."""
    output = str(bench.folder / "rendered")
    programs = {
        "python -c pass": ("-c", "pass"),
        "import hera.workflows": ("-c", "import hera.workflows"),
        "render everything": ("-m", "pipelines", "render", "--output", output),
    }
    ended: dict[str, list[Ended]] = {name: [] for name in programs}
    for number in range(1 + (total := bench.rounds(ROUNDS))):
        bench.progress(f"rendering, round {number} of {total}")
        for name, arguments in programs.items():
            taken = python(*arguments)
            if number:  # the first one compiles and fills the page cache
                ended[name].append(taken)
    for unit in ("s", "MiB"):
        rows = {
            name: Row(what=name, unit=unit, values=tuple(e.seconds if unit == "s" else e.peak_mib for e in all_))
            for name, all_ in ended.items()
        }
        bare, hera, whole = rows.values()
        yield bare
        yield hera.against(bare=bare)
        target = TARGET_S if unit == "s" else None
        yield replace(whole, target=target).against(**{"bare": bare, "import hera.workflows": hera})


ENTRY = Entry(
    name="render",
    title="Rendering every manifest",
    includes="The process that `make render` starts, from its start to its end, including settings and files.",
    measure=measure,
)
