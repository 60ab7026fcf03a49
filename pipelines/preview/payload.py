"""The webhook to preview: a file that a person pasted, or the push that a person describes.

Guarantees that no value of a pasted webhook reaches an error: it may be private.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from steps.core import BadInputError
from steps.domain import HEADS, ZERO_SHA

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.settings import Settings

_ADVICE = "give the JSON of one delivery, as GitHub shows it under Settings, Webhooks, Recent Deliveries"
_SHA, _DELIVERY, _TIME = "1" * 40, "00000000-0000-0000-0000-000000000000", 1700000000


def read_payload(path: Path) -> dict[str, Any]:
    """Read a webhook's payload from a file.

    Raises:
        BadInputError: The file cannot be read, or is not the JSON object of a webhook.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}: {_ADVICE}") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path}: not JSON: {_ADVICE}") from error
    if not isinstance(found, dict) or "repository" not in found:
        raise BadInputError(f"{path}: not a webhook of a repository: {_ADVICE}")
    return found


def push_payload(repository: str, branch: str, *, settings: Settings) -> dict[str, Any]:
    """Describe a push to a branch by the first sender of the settings, in the fields that the Sensor reads."""
    sender = settings.events.senders[0]
    return {
        "ref": branch if branch.startswith("refs/") else f"{HEADS}{branch}",
        "before": ZERO_SHA,
        "after": _SHA,
        "deleted": False,
        "repository": {"full_name": repository, "pushed_at": _TIME},
        "sender": {"login": sender, "type": "Bot" if sender.endswith("[bot]") else "User"},
    }


def sensor_input(payload: dict[str, Any], *, event: str) -> dict[str, Any]:
    """Return what the Sensor's filters see of a delivery."""
    return {
        "headers": {"X-Github-Event": [event]},
        "body": {"X-GitHub-Delivery": _DELIVERY} | payload,
    }
