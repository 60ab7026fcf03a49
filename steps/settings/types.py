"""What a value of a setting may be: the types that the rules are written with.

Guarantees that a value which is refused is answered with what to give instead, and that an address holds no
credentials, since rendered manifests show it.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field

from steps.settings.validation import pattern_validator

Seconds = Annotated[float, Field(gt=0, le=3600)]
Count = Annotated[int, Field(ge=1, le=100)]
# A DNS-1123 label: what a namespace may be called.
Name = Annotated[
    str,
    pattern_validator(
        r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        give="lower-case letters, digits and dashes between them, 63 at most, such as ci-agents",
    ),
]
Label = Annotated[str, Field(min_length=1, max_length=50)]
# Path of a field, as kubectl writes it: `metadata.labels.app\.kubernetes\.io/name`; an item of a list by a field of it.
_PATH = r"[A-Za-z0-9_./\\-]+(\[[A-Za-z]+=[A-Za-z0-9]*\][A-Za-z0-9_./\\-]*)*"
_A_PATH = "a path such as metadata.labels.task-id, or status.conditions[status=True].type"
FieldPath = Annotated[str, pattern_validator(_PATH, give=_A_PATH)]
OptionalFieldPath = Annotated[str, pattern_validator(f"({_PATH})?", give=f"{_A_PATH}, or nothing")]
DataKey = Annotated[str, pattern_validator(r"[-._a-zA-Z0-9]+", give="letters, digits, dashes, dots and underscores")]

# An unknown key is an error.
STRICT = ConfigDict(extra="forbid", strict=False)
# Those that an address without one means.
PORTS = {"http": 80, "https": 443}


def _address(text: str) -> str:
    """Of a server: what is rendered is read by many, so it holds no credentials.

    Raises:
        ValueError: It does, or is none.
    """
    if "@" in text:
        raise ValueError(
            "credentials do not belong here, where rendered manifests show them: take them out, and put them into "
            "the Secret that workflow.credentials_secret names (a proxy's as proxy-username and proxy-password)"
        )
    try:
        parts = urlsplit(text)
        known = parts.scheme in PORTS and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        known = None
    if text and (not known or re.search(r"[\s?#]", text)):
        raise ValueError(
            "not an address: give one such as https://github.example.com/api/v3, http://proxy.example:3128"
        )
    return text


def _proxy(text: str) -> str:
    """Of a proxy.

    Raises:
        ValueError: It is not spoken to by plain HTTP.
    """
    if _address(text).startswith("https:"):
        raise ValueError("proxies are spoken to by http:// (what goes through it to GitHub is TLS all the same)")
    return text


Address = Annotated[str, AfterValidator(_address)]
ProxyAddress = Annotated[str, AfterValidator(_proxy)]


# owner/name of a repository and login of an account; anchored wherever they are used, and the same to RE2 and Python.
REPOSITORY_PATTERN = r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/\.?[A-Za-z0-9_-][A-Za-z0-9._-]{0,98}"


SENDER_PATTERN = r"[A-Za-z0-9][A-Za-z0-9-]{0,99}(\[bot\])?"
