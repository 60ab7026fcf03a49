"""An optional profile of a step's processor time, as log lines.

Guarantees no cost if it is off: the profiler is not imported. If it is on, a step takes about 1.5 times as long. Not
guaranteed: deletes that run in parallel. The profile covers the main thread only.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.telemetry.log import Log

PROFILE_ENV = "CANCELLATION_PROFILE"
_TOP = 25


@contextmanager
def profiled(env: Mapping[str, str], *, log: Log) -> Iterator[None]:
    """Profile the enclosed code, if the environment asks for it.

    Args:
        env: CANCELLATION_PROFILE=1 switches the profile on.
        log: Gets one line for each of the slowest functions, with their own time and their total time.
    """
    if env.get(PROFILE_ENV) != "1":
        yield
        return
    # Imported on request only.
    import cProfile  # noqa: PLC0415
    import pstats  # noqa: PLC0415

    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        found = pstats.Stats(profile).get_stats_profile().func_profiles
        for name, row in sorted(found.items(), key=lambda each: -each[1].cumtime)[:_TOP]:
            where = f"{Path(row.file_name).name}:{row.line_number}" if row.line_number else "built in"
            log.info(
                "profile", function=name, where=where, calls=str(row.ncalls), own_s=row.tottime, total_s=row.cumtime
            )
