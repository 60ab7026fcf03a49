"""What the GitHub contract tests share: a double that remembers exchanges, and the clients that talk to it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from github import Auth, Github

from tests.doubles.github import GitHub, Request, Response, serve
from tests.schemas.openapi import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = "5dlabs/cto"
LABELS = f"/repos/{REPOSITORY}/issues/1/labels"
COMMENTS = f"/repos/{REPOSITORY}/issues/1/comments"
TOKEN = "ghp_test"
APP_ID, INSTALLATION_ID = 42, 7
START = 1_750_000_000.0


class Clock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Recorded(GitHub):
    """Remembers each exchange in full, which `calls` on purpose does not."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - handed on as it is
        super().__init__(**settings)
        self.exchanges: list[Exchange] = []

    def handle(self, request: Request) -> Response:
        """Answer and remember."""
        response = super().handle(request)
        try:
            sent = json.loads(request.body) if request.body else None
        except ValueError:
            sent = None
        self.exchanges.append(
            Exchange(
                method=request.method,
                path=request.path,
                query=request.parameters(),
                sent=sent,
                status=response.status,
                content_type=response.headers.get("content-type", ""),
                body=response.body,
            )
        )
        return response


@cache
def key_pair(number: int = 0) -> tuple[str, str]:
    """Give a private and a public key (PEM); another number is another pair."""
    del number
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def populated(github: GitHub) -> None:
    """Set up one repository with one pull request, a token that may do everything, and an App."""
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "iteration-1"])
    github.add_pull_request(head="task-5-fix", sha="a" * 40, labels=["ready-for-qa", "iteration-1"])
    github.add_token(TOKEN, login="automation")
    github.add_app(app_id=APP_ID, installation_id=INSTALLATION_ID, public_key=key_pair()[1], events=["push"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a plain HTTP client sees."""

    status: int
    headers: dict[str, str]
    json: Any


class Http:
    """A plain HTTP client that neither retries nor follows redirects."""

    def __init__(self, url: str, pool: urllib3.PoolManager) -> None:
        self._url = url
        self._pool = pool

    def __call__(
        self, method: str, path: str, *, body: object = None, token: str | None = TOKEN, **headers: str
    ) -> Answer:
        """Send one request; headers are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent.setdefault("authorization", f"Bearer {token}")
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self._pool.request(method, self._url + path, body=data, headers=sent, redirect=False)
        content = json.loads(response.data) if response.data else None
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status, headers=lowered, json=content)


@contextmanager
def http(github: GitHub) -> Iterator[Http]:
    """Serve the double and give a plain client of it."""
    with serve(github) as url, urllib3.PoolManager(retries=False) as pool:
        yield Http(url, pool)


@contextmanager
def pygithub(github: GitHub, *, auth: Auth.Auth | None = None, **settings: Any) -> Iterator[Github]:  # noqa: ANN401 - handed on
    """Serve the double and give the library's client of it, without its pauses between requests."""
    quick: dict[str, Any] = {"seconds_between_requests": None, "seconds_between_writes": None, "retry": None}
    with serve(github) as url:
        client = Github(auth=auth or Auth.Token(TOKEN), base_url=url, **(quick | settings))
        try:
            yield client
        finally:
            client.close()
