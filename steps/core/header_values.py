"""Values that an HTTP header can carry: tokens and passwords come from files and variables that people write. Pure."""

from __future__ import annotations


def is_header_value(text: str) -> bool:
    """Whether a header can carry a text: it is printable ASCII. HTTP libraries quote any other text in their errors."""
    return text.isascii() and text.isprintable()
