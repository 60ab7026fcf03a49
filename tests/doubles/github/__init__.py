"""A GitHub REST API with hard rules, in process (`GitHub.handle`) or over HTTP (`serve`).

    github = GitHub()
    github.add_repository("5dlabs/cto", labels=["ready-for-qa"])
    pull = github.add_pull_request(head="task-5-fix", sha="a" * 40, labels=["ready-for-qa"])
    token = github.add_token("ghp_test")
    github.fault(reply_lost(), method="POST", path="/labels$")
    github.after(lambda: github.push("task-5-fix", "c" * 40), method="GET", path="/pulls")
    with serve(github) as url: ...
    webhook = webhooks.push(github, "task-5-fix", "d" * 40, secret="s3cret")  # headers and body

What it guarantees is checked against GitHub's own published description, in tests/doubles/github/tests.
"""

from tests.doubles.github import webhooks
from tests.doubles.github.double import GitHub
from tests.doubles.github.faults import (
    answered,
    cached,
    dated,
    delay,
    fail,
    primary_limited,
    refused,
    reply_lost,
    reset,
    secondary_limited,
)
from tests.doubles.github.messages import Call, ConnectionDropped, Request, Response
from tests.doubles.github.server import serve

__all__ = [
    "Call",
    "ConnectionDropped",
    "GitHub",
    "Request",
    "Response",
    "answered",
    "cached",
    "dated",
    "delay",
    "fail",
    "primary_limited",
    "refused",
    "reply_lost",
    "reset",
    "secondary_limited",
    "serve",
    "webhooks",
]
