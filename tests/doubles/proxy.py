"""An HTTP proxy on the loopback interface that records what went through it, and with whose credentials.

Guarantees: CONNECT makes a real tunnel, and any other request is answered with 405, as a proxy for HTTPS alone
does; without the credentials that it asks for, 407 and no tunnel.
"""

from __future__ import annotations

import base64
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import parse_headers
from typing import TYPE_CHECKING

from tests.doubles.tunnel import forward, listening

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True, kw_only=True)
class Proxy:
    """What it was asked.

    Attributes:
        url: Its address.
        credentials: `user:password` that it asks for; empty for none.
        refuses: Status with which it refuses every request; 0 to refuse none.
        targets: host:port of each tunnel, in the order in which they were made.
        refused: host:port, or whatever else it was asked for, of each refusal.
    """

    url: str = ""
    credentials: str = ""
    refuses: int = 0
    targets: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def handle(self, client: socket.socket) -> None:
        """Serve one connection."""
        with client.makefile("rb") as lines:
            verb, target, _ = lines.readline(1000).decode().split(" ")
            headers = parse_headers(lines)
        status = self._status(verb, headers.get("Proxy-Authorization", ""))
        if status != 200:
            self.refused.append(target)
            client.sendall(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return
        self.targets.append(target)
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            forward(client, server)

    def _status(self, verb: str, authorization: str) -> int:
        if self.refuses:
            return self.refuses
        if verb != "CONNECT":
            return 405
        wanted = f"Basic {base64.b64encode(self.credentials.encode()).decode()}" if self.credentials else ""
        return 200 if authorization == wanted else 407


@contextmanager
def serve(*, credentials: str = "") -> Iterator[Proxy]:
    """Serve a proxy."""
    proxy = Proxy(credentials=credentials)
    with listening(proxy.handle) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy
