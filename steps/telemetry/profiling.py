"""A profile of a step, on request: where its processor time went, as lines of its log.

Guarantees that it costs nothing unless it is asked for: the profiler is then not even imported. On, a step takes about
half as long again. Only the main thread is seen; deletes that run side by side are not.
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
    """Profile what is enclosed, if the environment says so.

    Args:
        env: Asks for it with CANCELLATION_PROFILE=1.
        log: Gets the functions that took longest, one line each, with what they call and without.
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
