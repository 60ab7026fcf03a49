"""The types of the settings' values.

Guarantees that the error for a wrong value says which values are allowed. An address never has credentials in it,
because rendered manifests show it.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field

from steps.settings.validation import pattern_validator

Seconds = Annotated[float, Field(gt=0, le=3600)]
Count = Annotated[int, Field(ge=1, le=100)]
# A DNS-1123 label, as for a namespace.
_NAME_PATTERN = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
Name = Annotated[
    str,
    pattern_validator(
        _NAME_PATTERN,
        give="at most 63 lower-case letters, digits and inner dashes, such as ci-agents",
    ),
]
OptionalName = Annotated[
    str,
    pattern_validator(
        f"({_NAME_PATTERN})?",
        give="at most 63 lower-case letters, digits and inner dashes, such as ci-agents, or nothing",
    ),
]
# The value of a Kubernetes label.
LABEL_VALUE_PATTERN = r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
OptionalLabelValue = Annotated[
    str,
    pattern_validator(
        LABEL_VALUE_PATTERN,
        give="at most 63 letters, digits, inner dashes, dots and underscores, or nothing",
    ),
]
_TASK = "{task}"


def _checked_label(text: str) -> str:
    """Check a label of GitHub.

    Raises:
        ValueError: It has spaces around it. GitHub removes them, so no pull request would have the label.
    """
    if text != text.strip():
        raise ValueError("has spaces around it, and no label at GitHub does: remove them")
    return text


OptionalLabel = Annotated[str, Field(max_length=50), AfterValidator(_checked_label)]


def fill_task(template: str, *, task: str) -> str:
    """Put a task's id into a setting that has {task}."""
    return template.replace(_TASK, task)


def _checked_task_label(text: str) -> str:
    """Check a label with a task's id in it.

    Raises:
        ValueError: The label has no {task}, or has other braces.
    """
    _checked_label(text)
    if text and _TASK not in text:
        raise ValueError("must contain {task}, so that each task has its own")
    if re.search(r"[{}]", text.replace(_TASK, "")):
        raise ValueError("has braces besides {task}: remove them, nothing else is filled in")
    return text


OptionalTaskLabel = Annotated[str, AfterValidator(_checked_task_label)]
DataKey = Annotated[str, pattern_validator(r"[-._a-zA-Z0-9]+", give="letters, digits, dashes, dots and underscores")]

# An unknown key is an error.
STRICT = ConfigDict(extra="forbid", strict=False)
# The default ports.
PORTS = {"http": 80, "https": 443}


def _checked_address(text: str) -> str:
    """Check the address of a server. Many people read rendered manifests, so it must not have credentials.

    Raises:
        ValueError: It has credentials, or is not an address.
    """
    if "@" in text:
        raise ValueError(
            "credentials do not belong here, where rendered manifests show them: remove them, and put them into the "
            "Secret that workflow.credentials_secret names (for a proxy: proxy-username and proxy-password)"
        )
    try:
        parts = urlsplit(text)
        known = parts.scheme in PORTS and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        known = None
    if text and (not known or re.search(r"[\s?#]", text)):
        raise ValueError(
            "not an address: give one such as https://github.example.com/api/v3 or http://proxy.example:3128"
        )
    return text


def _checked_proxy(text: str) -> str:
    """Check the address of a proxy.

    Raises:
        ValueError: It is not an http:// address.
    """
    if _checked_address(text).startswith("https:"):
        raise ValueError(
            "not an http:// address: use http:// for the proxy (requests to GitHub through it still use TLS)"
        )
    return text


HostName = Annotated[
    str,
    pattern_validator(
        r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?",
        give="a host without scheme, port and path, such as git.example.com",
    ),
]
Address = Annotated[str, AfterValidator(_checked_address)]
ProxyAddress = Annotated[str, AfterValidator(_checked_proxy)]

# A repository (owner/name) and a login. Every user anchors them. RE2 and Python read them alike.
# An Enterprise Managed User's login has an underscore before the enterprise's short code.
OWNER_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}"
REPOSITORY_PATTERN = OWNER_PATTERN + r"/\.?[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}"
SENDER_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?"


def _checked_repository(text: str) -> str:
    """Check the end of a repository's name, which is often copied from an address.

    Raises:
        ValueError: It ends as no repository at GitHub does, so no push would match.
    """
    if text.lower().endswith((".git", ".wiki")):
        raise ValueError(f"no repository at GitHub ends in {text[text.rindex('.') :]}: remove it")
    return text


RepositoryName = Annotated[
    str,
    pattern_validator(
        rf"{REPOSITORY_PATTERN}|{OWNER_PATTERN}/\*",
        give="owner/name, such as 5dlabs/cto, or owner/* for all repositories of an owner",
    ),
    AfterValidator(_checked_repository),
]
Event = Literal["push", "closed", "deleted", "opened", "commands"]
