"""The text of a settings file, whatever editor wrote it.

Guarantees that a byte-order mark, Windows line ends and UTF-16 are read as the same text, and that any other encoding
is an error that names the line, never a wrong letter in a value.
"""

from __future__ import annotations

import codecs

from steps.core import BadInputError

# PowerShell and some editors write UTF-16, always with a byte-order mark.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decode(data: bytes, *, source: str) -> str:
    """Decode the bytes of a file.

    Args:
        data: The file's bytes.
        source: The file's name, for the error.

    Raises:
        BadInputError: The bytes are neither UTF-8, nor UTF-16 with a byte-order mark.
    """
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInputError(f"{source}: line {line} is not UTF-8: save the file as UTF-8") from error
    return text.replace("\r\n", "\n")
