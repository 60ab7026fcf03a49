"""A kubeconfig's user: another identity (`as:`) is sent as kubectl sends it, and a failing exec plugin is named."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from steps.core.errors import BadInputError
from steps.kube.kubeconfig import read_kubeconfig


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Remember the headers, in their order."""
        self.server.seen.append([(name.lower(), value) for name, value in self.headers.items()])
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Stay silent."""


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[list[tuple[str, str]]] = []


@pytest.fixture
def server() -> Iterator[_Server]:
    found = _Server()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.shutdown()
        found.server_close()
        thread.join(timeout=5)


def kubeconfig(tmp_path: Path, *, port: int = 1, user: dict[str, Any]) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(content))
    return str(tmp_path / "kubeconfig")


def test_another_identity_is_sent_with_each_of_its_groups(server: _Server, tmp_path: Path) -> None:
    user = {
        "token": "t",
        "as": "break-glass",
        "as-uid": "u-1",
        "as-groups": ["a,b", "system:masters"],
        "as-user-extra": {"Example.com/Why": ["on call", "incident 7"]},
    }
    transport = read_kubeconfig(kubeconfig(tmp_path, port=server.server_address[1], user=user))
    transport.send(method="GET", target="/version", headers={"Accept": "x"}, body=None, timeout_s=5)
    (headers,) = server.seen
    assert ("authorization", "Bearer t") in headers
    assert [each for each in headers if each[0].startswith("impersonate")] == [
        ("impersonate-user", "break-glass"),
        ("impersonate-uid", "u-1"),
        ("impersonate-group", "a,b"),
        ("impersonate-group", "system:masters"),
        ("impersonate-extra-example.com%2fwhy", "on call"),
        ("impersonate-extra-example.com%2fwhy", "incident 7"),
    ]


def test_without_another_identity_no_header_names_one(server: _Server, tmp_path: Path) -> None:
    user: dict[str, Any] = {"token": "t", "as": "", "as-groups": None, "as-user-extra": {}}
    transport = read_kubeconfig(kubeconfig(tmp_path, port=server.server_address[1], user=user))
    transport.send(method="GET", target="/version", headers={}, body=None, timeout_s=5)
    assert not [each for each in server.seen[0] if each[0].startswith("impersonate")]


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ({"as-groups": ["system:masters"]}, "but no as: add it"),
        ({"as-uid": "u-1"}, "but no as: add it"),
        ({"as": 7}, "a value of the kubeconfig is malformed"),
        ({"as": "me", "as-groups": [7]}, "a value of the kubeconfig is malformed"),
    ],
)
def test_an_identity_that_is_not_whole_is_refused(tmp_path: Path, user: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInputError, match=text):
        read_kubeconfig(kubeconfig(tmp_path, user=user))


def test_an_identity_that_no_header_can_carry_is_refused_without_showing_it(tmp_path: Path) -> None:
    transport = read_kubeconfig(kubeconfig(tmp_path, user={"as": "a\nb"}))
    with pytest.raises(BadInputError, match="the request cannot be sent") as caught:
        transport.send(method="GET", target="/version", headers={}, body=None, timeout_s=5)
    assert "a\nb" not in str(caught.value)


def plugin(script: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a kubeconfig
    """A user whose plugin is a shell script."""
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "sh",
            "args": ["-c", script],
            "interactiveMode": "Never",
        }
        | changes
    }


@pytest.mark.parametrize(
    ("user", "text"),
    [
        (plugin("", command="no-such-plugin"), "no-such-plugin .* is not installed, or is not on PATH"),
        (
            plugin("", command="no-such-plugin", installHint="Install it\n  with your package manager"),
            "not on PATH: Install it with your package manager",
        ),
        (plugin("echo 'SSO session expired' >&2; exit 255"), "gave no credentials: process returned 255. SSO session"),
        (plugin("echo a-token"), "gave no credentials: failed to decode process output"),
        (plugin('echo "{}"'), "gave no credentials: malformed response"),
        (
            plugin("""echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "x", "status": {}}'"""),
            "gave no credentials: missing token",
        ),
        (plugin("", apiVersion=None), "gave no credentials"),
    ],
)
def test_an_exec_plugin_that_gives_no_credentials_is_named_with_its_reason(
    tmp_path: Path, user: dict[str, Any], text: str
) -> None:
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(BadInputError, match=text) as caught:
        read_kubeconfig(kubeconfig(tmp_path, user=user))
    assert "a-token" not in str(caught.value), "what a plugin prints may be a credential"
    assert "\n" not in str(caught.value)
    assert logging.getLogger().handlers == handlers


def test_an_exec_plugin_that_fails_when_its_token_has_expired_fails_the_next_request(
    server: _Server, tmp_path: Path
) -> None:
    printed = json.dumps(
        {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"},
        }
    )
    once = f"test ! -e {tmp_path}/ran || exit 1; touch {tmp_path}/ran; echo '{printed}'"
    transport = read_kubeconfig(kubeconfig(tmp_path, port=server.server_address[1], user=plugin(once)))
    with pytest.raises(BadInputError, match="gave no credentials: process returned 1"):
        transport.send(method="GET", target="/version", headers={}, body=None, timeout_s=5)
    assert server.seen == [], "no request is sent without credentials"
