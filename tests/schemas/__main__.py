"""`python -m tests.schemas`: fetch every published description and print where it is."""

from __future__ import annotations

import sys
import time

from tests.schemas import app_permissions, published
from tests.schemas.cache import Unavailable


def main() -> int:
    """Fill the cache."""
    for folder in (
        published.workflows_folder,
        published.monitoring_folder,
        published.events_folder,
        published.github_folder,
        published.webhooks_folder,
        app_permissions.folder,
    ):
        started = time.monotonic()
        try:
            path = folder()
        except Unavailable as error:
            sys.stderr.write(f"{error}\n")
            return 1
        sys.stdout.write(f"{time.monotonic() - started:6.2f} s  {path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
