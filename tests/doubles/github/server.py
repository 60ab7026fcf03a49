"""The double over HTTP: a real socket, by default on the loopback interface, keep-alive, and real connection resets.

Guarantees: when the context ends, no thread and no socket is left; with TLS, who does not trust the certificate sends
nothing. Does not: speak HTTP/2.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

from tests.doubles.github.messages import ConnectionDropped, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.doubles.github.double import GitHub

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_POLL_S = 0.02


class _Server(ThreadingHTTPServer):
    # Joined at the end, so that a leaked handler shows up as a hanging test and not as a stray thread.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, github: GitHub, *, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.github = github
        self.scheme = "https" if tls else "http"
        self._open: set[socket.socket] = set()
        self._dropped: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__((host, port), _Handler)
        if tls:
            # The handshake waits for a connection's own thread.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class is untyped here
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - the base class is untyped here
        with self._guard:
            self._open.discard(request)
            dropped = request in self._dropped
            self._dropped.discard(request)
        if dropped:
            # A polite shutdown would send FIN first, and the client would see an end instead of a reset.
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class is untyped here
        """Stay silent about clients that hang up, which is part of the tests, and show everything else."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def drop(self, connection: socket.socket) -> None:
        """Let the connection end with a reset."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        with self._guard:
            self._dropped.add(connection)

    def hang_up(self) -> None:
        """End the connections that clients keep alive."""
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # One buffered write per answer: two small ones would wait for the client's delayed acknowledgement.
    wbufsize = -1

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - names that the base class looks up

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's signature
        """Stay silent; `GitHub.calls` is the record."""

    def _answer(self) -> None:
        server = cast("_Server", self.server)
        path, _, query = self.path.partition("?")
        request = Request(
            method=self.command,
            path=path,
            query=query,
            headers=dict(self.headers.items()),
            body=self.rfile.read(int(self.headers.get("content-length") or 0)),
            base_url=f"{server.scheme}://{self.headers.get('host', '127.0.0.1')}",
        )
        try:
            response = server.github.handle(request)
        except ConnectionDropped:
            server.drop(self.connection)
            self.close_connection = True
            return
        self._send(response)

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status not in {204, 304}:
            self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()


@contextmanager
def serve(
    github: GitHub, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve the double and give its base URL."""
    server = _Server(github, host=host, port=port, tls=tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _POLL_S}, name="github-double")
    thread.start()
    try:
        yield f"{server.scheme}://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()
