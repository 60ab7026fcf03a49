"""The webhooks that GitHub sends after a push, about a pull request, and about a comment on one.

Guarantees: the fields of GitHub's published example pushes, signed as GitHub signs. Does not: send anything itself, or
retry; GitHub does not repeat a failed delivery either.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.doubles.github.answers import Answers, timestamp
from tests.doubles.github.messages import PUBLIC_URL
from tests.doubles.github.world import NULL_SHA

if TYPE_CHECKING:
    from tests.doubles.github.double import GitHub
    from tests.doubles.github.world import Activity, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook request."""

    id: str
    headers: dict[str, str]
    body: bytes


def push(
    github: GitHub,
    branch: str,
    sha: str,
    *,
    secret: str,
    repository: str | None = None,
    actor: str = "5DLabs-Rex[bot]",
    message: str = "fix: what the reviewer found",
    delivery_id: str | None = None,
) -> Delivery:
    """Push to the double, and give the webhook that GitHub would send about it."""
    activity = github.push(branch, sha, repository=repository, actor=actor)
    payload = push_payload(github, github.repository(repository), activity, message=message)
    return delivery(payload, event="push", secret=secret, delivery_id=delivery_id or str(uuid.uuid4()))


def delivery(payload: dict[str, Any], *, event: str, secret: str, delivery_id: str) -> Delivery:
    """Wrap and sign any payload. The same id again is what a redelivery looks like."""
    body = json.dumps(payload, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": delivery_id,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": "1",
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }
    return Delivery(id=delivery_id, headers=headers, body=body)


def push_payload(github: GitHub, repository: Repository, activity: Activity, *, message: str) -> dict[str, Any]:
    """Describe a push as GitHub's webhooks do."""
    answers = Answers(world=github.world, base_url=PUBLIC_URL)
    described = answers.repository(repository)
    html = described["html_url"]
    email = f"{activity.actor}@users.noreply.github.com"
    person = {"name": activity.actor, "email": email, "username": activity.actor}
    commit = {
        "id": activity.after,
        "tree_id": hashlib.sha1(activity.after.encode(), usedforsecurity=False).hexdigest(),
        "distinct": True,
        "message": message,
        "timestamp": timestamp(activity.at),
        "url": f"{html}/commit/{activity.after}",
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": ["README.md"],
    }
    deleted = activity.after == NULL_SHA
    return {
        "ref": activity.ref,
        "before": activity.before,
        "after": activity.after,
        # Webhooks give these two as Unix times, unlike the API.
        "repository": described | {"created_at": int(repository.created_at), "pushed_at": int(activity.at)},
        "pusher": {"name": activity.actor, "email": email},
        "sender": answers.account(github.world.account(activity.actor)),
        "created": activity.before == NULL_SHA,
        "deleted": deleted,
        "forced": activity.type == "force_push",
        "base_ref": None,
        "compare": f"{html}/compare/{activity.before[:12]}...{activity.after[:12]}",
        "commits": [] if deleted else [commit],
        "head_commit": None if deleted else commit,
    }


def pull_request(
    github: GitHub,
    number: int,
    action: str,
    *,
    secret: str,
    repository: str | None = None,
    actor: str = "octocat",
    delivery_id: str | None = None,
) -> Delivery:
    """Give the webhook that GitHub would send about a pull request as it is now."""
    target = github.repository(repository)
    answers = Answers(world=github.world, base_url=PUBLIC_URL)
    payload = {
        "action": action,
        "number": number,
        "pull_request": answers.pull(target, github.pull_request(number, repository=repository), full=True),
        "repository": answers.repository(target),
        "sender": answers.account(github.world.account(actor)),
    }
    return delivery(payload, event="pull_request", secret=secret, delivery_id=delivery_id or str(uuid.uuid4()))


def issue_comment(
    github: GitHub,
    number: int,
    body: str,
    *,
    secret: str,
    actor: str,
    repository: str | None = None,
    action: str = "created",
    on_issue: bool = False,
    delivery_id: str | None = None,
) -> Delivery:
    """Comment on a pull request, or as if on an issue, and give the webhook that GitHub would send about it."""
    target, comment = (
        github.repository(repository),
        github.add_comment(number, body, author=actor, repository=repository),
    )
    answers = Answers(world=github.world, base_url=PUBLIC_URL)
    issue = answers.issue(target, github.pull_request(number, repository=repository))
    if on_issue:
        del issue["pull_request"]
    payload = {
        "action": action,
        "issue": issue,
        "comment": answers.comment(target, comment),
        "repository": answers.repository(target),
        "sender": answers.account(github.world.account(actor)),
    }
    return delivery(payload, event="issue_comment", secret=secret, delivery_id=delivery_id or str(uuid.uuid4()))
