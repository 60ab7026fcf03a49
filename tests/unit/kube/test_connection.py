"""How a pod reaches the API server: its address, the cluster's CA, a token that is renewed, one attempt in time.

Sockets, certificates and files are real.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from steps.core.errors import BadInputError, UnavailableError
from steps.kube.connection import connect_kubernetes
from steps.kube.http_transport import KubernetesTransport
from tests.integration.control_plane.pki import Authority, Pair

HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(Seen(method=self.command, path=self.path, headers=dict(self.headers), body=body))
        status, headers = self.server.answers(self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Stay silent."""


for _method in ("GET", "POST"):
    setattr(_Handler, f"do_{_method}", _Handler.answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, pair: Pair, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.seen: list[Seen] = []
        self.connections = 0
        self.answers: Callable[[str], tuple[int, Mapping[str, str]]] = lambda _: (200, {})
        self._tls = pair.server()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        self.connections += 1
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some tests want."""


@contextmanager
def serving(pair: Pair, host: str = "127.0.0.1") -> Iterator[_Server]:
    server = _Server(pair, host)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod, with its mounted service account."""

    folder: Path
    authority: Authority


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pod:
    authority = Authority(tmp_path)
    (tmp_path / "token").write_text("first\n")
    monkeypatch.setattr("steps.kube.connection.SERVICE_ACCOUNT", tmp_path)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv(HOST, "127.0.0.1")
    monkeypatch.setenv(PORT, "1")
    return Pod(folder=tmp_path, authority=authority)


@pytest.fixture
def server(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    with serving(pod.authority.issue("kubernetes", file_name="kubernetes")) as found:
        monkeypatch.setenv(PORT, str(found.server_address[1]))
        yield found


def get(transport: KubernetesTransport, target: str = "/version?a=b", *, timeout_s: float = 5.0) -> int:
    return transport.send(method="GET", target=target, headers={}, body=None, timeout_s=timeout_s).status


# The credentials.


def test_a_request_has_the_token_and_its_body(server: _Server) -> None:
    transport = connect_kubernetes()
    sent = {"Accept": "application/json", "Content-Type": "application/merge-patch+json"}
    answer = transport.send(method="POST", target="/apis/x?y=z", headers=sent, body={"a": "ü\ud800"}, timeout_s=5)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/apis/x?y=z", b'{"a": "\\u00fc\\ud800"}')
    assert {name: seen.headers[name] for name in (*sent, "Authorization")} == sent | {"Authorization": "Bearer first"}
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"{}", "2")


def test_the_next_request_has_the_renewed_token(server: _Server, pod: Pod) -> None:
    transport = connect_kubernetes()
    get(transport)
    (pod.folder / "token").write_text("second")
    get(transport)
    assert [seen.headers["Authorization"] for seen in server.seen] == ["Bearer first", "Bearer second"]
    assert server.connections == 1, "the connection stays"


@pytest.mark.parametrize(
    "change",
    [lambda file: file.unlink(), *(partial(Path.write_text, data=text) for text in ("", "two\nlines", "n\u00f6"))],
)
def test_while_the_token_cannot_be_read_the_last_one_is_sent(
    server: _Server, pod: Pod, change: Callable[[Path], object]
) -> None:
    transport = connect_kubernetes()
    (pod.folder / "token").write_text("second")
    get(transport)
    change(pod.folder / "token")
    get(transport)
    assert [seen.headers["Authorization"] for seen in server.seen] == ["Bearer second"] * 2


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("token", None, "token"),
        ("token", " \n", "token is empty"),
        ("token", "sec\nret", r"token does not hold a token\)$"),
        ("token", "secr\u00e9t", r"token does not hold a token\)$"),
        ("ca.crt", None, r"ca\.crt"),
        # An empty file would make Python trust every public authority.
        ("ca.crt", "", r"ca\.crt"),
        ("ca.crt", "no certificate", r"ca\.crt"),
    ],
)
def test_a_mount_that_is_not_whole_is_bad_input(pod: Pod, name: str, content: str | None, text: str) -> None:
    (pod.folder / name).unlink()
    if content is not None:
        (pod.folder / name).write_text(content)
    with pytest.raises(BadInputError, match=f"no Kubernetes credentials: run in a pod, or set KUBECONFIG .*{text}"):
        connect_kubernetes()


@pytest.mark.parametrize("name", [HOST, PORT])
@pytest.mark.parametrize("value", [None, ""])
def test_outside_a_pod_the_error_names_the_variable(
    pod: Pod, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    assert pod.folder.exists()
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(BadInputError, match=rf"run in a pod, or set KUBECONFIG \({name} is not set\)"):
        connect_kubernetes()


def test_a_kubeconfig_without_the_library_says_what_to_do(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(pod.folder / "kubeconfig"))
    monkeypatch.delitem(sys.modules, "steps.kube.kubeconfig", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "kubernetes"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(BadInputError, match=r"in a pod, remove KUBECONFIG; on a laptop, install .*\[generate\]"):
        connect_kubernetes()


# The address and the certificate.


def test_an_ipv6_address_is_put_in_brackets(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pod.folder.exists()
    monkeypatch.setenv(HOST, "fd00::1")
    monkeypatch.setenv(PORT, "6443")
    host = connect_kubernetes().host
    assert (urlsplit(host).hostname, urlsplit(host).port) == ("fd00::1", 6443)


def test_a_server_of_another_authority_never_sees_the_token(
    pod: Pod, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pod.folder.exists()
    other = Authority(tmp_path_factory.mktemp("other"))
    with serving(other.issue("kubernetes", file_name="kubernetes")) as stranger:
        monkeypatch.setenv(PORT, str(stranger.server_address[1]))
        with pytest.raises(UnavailableError, match=r"^GET /version: SSLError$"):
            get(connect_kubernetes())
    assert stranger.seen == []


def test_a_certificate_of_another_name_is_refused(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    host = "127.0.0.2"  # the loopback interface too, but not in the certificate
    with serving(pod.authority.issue("kubernetes", file_name="kubernetes"), host) as stranger:
        monkeypatch.setenv(HOST, host)
        monkeypatch.setenv(PORT, str(stranger.server_address[1]))
        with pytest.raises(UnavailableError, match=r"^GET /version: SSLError$"):
            get(connect_kubernetes())
    assert stranger.seen == []


# One attempt, in time.


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(server: _Server, status: int) -> None:
    server.answers = lambda path: (status, {"Location": "/elsewhere"}) if path == "/here" else (200, {})
    assert get(connect_kubernetes(), "/here") == status
    assert [seen.path for seen in server.seen] == ["/here"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_once(server: _Server, status: int) -> None:
    server.answers = lambda _: (status, {"Retry-After": "0"})
    assert get(connect_kubernetes()) == status
    assert len(server.seen) == 1


def test_no_answer_in_time_is_one_attempt(server: _Server) -> None:
    waiting = threading.Event()
    server.answers = lambda _: (200 if waiting.wait(10) else 500, {})
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"^GET /version: no answer in time"):
        get(connect_kubernetes(), timeout_s=0.3)
    waiting.set()
    assert time.monotonic() - began < 2
    assert len(server.seen) == 1


def test_a_port_without_a_listener_is_an_outage(pod: Pod) -> None:
    assert pod.folder.exists()
    with pytest.raises(UnavailableError, match=r"^GET /version: connection refused"):
        get(connect_kubernetes())


def test_many_threads_share_the_connections(server: _Server, caplog: pytest.LogCaptureFixture) -> None:
    transport, at_once = connect_kubernetes(), threading.Barrier(40, timeout=10)

    def answers(_: str) -> tuple[int, Mapping[str, str]]:
        at_once.wait()
        return 200, {}

    server.answers = answers
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(40) as pool:
        for _ in range(2):
            assert list(pool.map(lambda number: get(transport, f"/{number}"), range(40))) == [200] * 40
    assert sorted(seen.path for seen in server.seen) == sorted([f"/{number}" for number in range(40)] * 2)
    assert server.connections == 40, "the second round needs no new one"
    assert caplog.messages == []
