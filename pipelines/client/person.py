"""The person at a laptop."""

from __future__ import annotations

import getpass

UNKNOWN = "unknown"


def login_name() -> str:
    """Return the name of the user; `UNKNOWN` for a user id without one, as containers have them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # by Python's version and the system
        return UNKNOWN
