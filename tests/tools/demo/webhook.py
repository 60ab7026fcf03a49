"""A push webhook as GitHub sends it: the fields that matter here, signed with the webhook's secret."""

from __future__ import annotations

import json
import uuid

from tests.doubles.argo_events import sign


def push_webhook(
    *, repository: str, ref: str, before: str, after: str, login: str, pushed_at: int, secret: str
) -> tuple[dict[str, str], bytes]:
    """Headers and body of one delivery."""
    owner, _, name = repository.partition("/")
    body = json.dumps(
        {
            "ref": ref,
            "before": before,
            "after": after,
            "created": False,
            "deleted": False,
            "forced": False,
            "repository": {
                "id": 1,
                "name": name,
                "full_name": repository,
                "owner": {"login": owner},
                "pushed_at": pushed_at,
            },
            "pusher": {"name": login},
            "sender": {"login": login, "type": "Bot"},
            "commits": [{"id": after, "message": "fix: $(reboot) {{workflow.name}}"}],
        }
    ).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": sign(secret, body),
    }
    return headers, body
