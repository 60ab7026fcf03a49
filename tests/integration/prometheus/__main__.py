"""`python -m tests.integration.prometheus`: fetch Prometheus' programs and print where they are."""

from __future__ import annotations

import sys

from tests.integration.prometheus.programs import program
from tests.schemas.cache import Unavailable


def main() -> int:
    """Fill the cache."""
    try:
        for name in ("promtool", "prometheus"):
            print(program(name))
    except Unavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
