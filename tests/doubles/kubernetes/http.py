"""Sockets around the double: HTTP/1.1 with keep-alive and chunked watches, TLS if asked, the loopback interface only.

Guarantees: a lost request or reply is a real reset of the connection; leaving `serve` ends every connection and
every thread that waits for an event.
"""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.doubles.kubernetes.messages import ConnectionLostError, Response, make_request
from tests.doubles.kubernetes.server import ApiServer

LOOPBACK = "127.0.0.1"


class Server(ThreadingHTTPServer):
    """The listening socket and the connections that came through it."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, api: ApiServer, port: int, tls: ssl.SSLContext | None) -> None:
        self.api = api
        self.connections: set[socket.socket] = set()
        self.streams = 0
        self.stream_ended = threading.Condition()
        super().__init__((LOOPBACK, port), Handler)
        if tls:
            # The handshake waits for a connection's own thread.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the library
        """Say nothing of clients that went away."""

    def wait_for_streams(self) -> None:
        """Let watches write their proper end."""
        with self.stream_ended:
            self.stream_ended.wait_for(lambda: not self.streams, timeout=2.0)

    def end_connections(self) -> None:
        """Close what clients keep open."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    server: Server

    def setup(self) -> None:
        """Remember the connection so that it can be ended."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        self.server.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def answer(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = make_request(method=self.command, target=self.path, headers=dict(self.headers.items()), body=body)
        try:
            response = self.server.api.handle(request)
        except ConnectionLostError:
            self._reset()
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.stream is None:
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)
            self.wfile.flush()
        else:
            self._stream(response)

    def _stream(self, response: Response) -> None:
        with self.server.stream_ended:
            self.server.streams += 1
        try:
            self._write_chunks(response)
        finally:
            with self.server.stream_ended:
                self.server.streams -= 1
                self.server.stream_ended.notify_all()

    def _write_chunks(self, response: Response) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for line in response.stream or ():
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as in the library
        """Keep standard error for the tests."""


for _method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(Handler, f"do_{_method}", Handler.answer)


@contextlib.contextmanager
def serve(api: ApiServer, *, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve a double over HTTP and yield its address."""
    api.store.closed = False
    server = Server(api, port, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://{LOOPBACK}:{server.server_address[1]}"
    finally:
        api.store.close()
        server.shutdown()
        server.wait_for_streams()
        server.end_connections()
        server.server_close()
        thread.join(timeout=5)


def write_kubeconfig(path: Path, url: str, *, token: str = "", namespace: str = "default") -> Path:
    """Write a kubeconfig that points every client at an address, and return its path."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "double", "cluster": {"server": url}}],
        "users": [{"name": "double", "user": {"token": token} if token else {}}],
        "contexts": [{"name": "double", "context": {"cluster": "double", "user": "double", "namespace": namespace}}],
        "current-context": "double",
    }
    path.write_text(json.dumps(content))
    return path
