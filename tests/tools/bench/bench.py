"""One run of the benchmark: how often things are repeated, and the worlds that entries share.

Guarantees: a world is made only if an entry asks for it, once, and is gone when the run is left.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.tools.bench.control_plane import control_plane
from tests.tools.bench.doubles import doubles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.support.surroundings import Surroundings
    from tests.tools.bench.cluster.burst_timeline import Wait
    from tests.tools.bench.world import World

ROUNDS_IN_QUICK = 3


@dataclass(slots=True, kw_only=True)
class Bench:
    """What an entry needs to measure.

    Attributes:
        folder: For files, empty at first.
        quick: Repeat a third as often, and measure fewer sizes.
        progress: Called with what is going on, for a person who waits.
    """

    folder: Path
    quick: bool
    progress: Callable[[str], None]
    _stack: ExitStack = field(default_factory=ExitStack)
    _doubles: World | None = None
    _real: World | None = None
    _around: Surroundings | None = None
    pushes: list[dict[str, float]] = field(default_factory=list)
    """Moments of pushes in the real cluster, for its timeline."""
    bursts: list[list[Wait]] = field(default_factory=list)
    """Tasks of bursts in the real cluster, for the picture of the first."""

    def rounds(self, usual: int) -> int:
        """How many repetitions."""
        return max(1, usual // ROUNDS_IN_QUICK) if self.quick else usual

    def doubles(self) -> World:
        """The doubles of Kubernetes and GitHub, over HTTP."""
        if self._doubles is None:
            self._doubles = self._stack.enter_context(doubles(self.folder / "doubles"))
        return self._doubles

    def control_plane(self) -> World:
        """A real Kubernetes control plane and the double of GitHub."""
        if self._real is None:
            self.progress("starting a control plane")
            self._real = self._stack.enter_context(control_plane(self.folder / "control-plane"))
        return self._real

    def cluster(self) -> Surroundings:
        """A real cluster with Argo's default timings, and what is around the project in it."""
        if self._around is None:
            self.progress("starting a cluster")
            # What a cluster is made of is nothing for a run without one.
            from tests.e2e.provision.argo import Options  # noqa: PLC0415
            from tests.e2e.provision.cluster import configure, up  # noqa: PLC0415
            from tests.e2e.support.surroundings import surroundings  # noqa: PLC0415

            cluster = up(None)
            configure(cluster, Options())
            self._around = self._stack.enter_context(surroundings(cluster))
        return self._around

    @property
    def api_server(self) -> str:
        """Version of the real API server; empty if none was asked for."""
        client = next((world.client for world in (self._real, self._around) if world), None)
        return str(client.ask("GET", "/version")["gitVersion"]) if client else ""


@contextmanager
def bench(folder: Path, *, quick: bool, progress: Callable[[str], None]) -> Iterator[Bench]:
    """One run; whatever it starts ends with the context."""
    with ExitStack() as stack:
        yield Bench(folder=folder, quick=quick, progress=progress, _stack=stack)
