"""A client for one API server, real or double, that knows HTTP and kubeconfigs and nothing of resources.

Guarantees: every request has a timeout and is sent once; an answer is returned whatever its status.
Not guaranteed: kubeconfigs with exec plugins.
"""

import base64
import json
import ssl
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

JsonObject = dict[str, Any]
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class RefusedError(Exception):
    """The server refused a request."""

    def __init__(self, reply: "Reply") -> None:
        super().__init__(f"{reply.status}: {reply.text[:500]}")
        self.status = reply.status
        body = reply.body if isinstance(reply.body, dict) else {}
        self.reason: str = body.get("reason", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer: the decoded JSON, or nothing if it was none."""

    status: int
    text: str
    body: Any
    headers: Mapping[str, str]

    @property
    def reason(self) -> str:
        """Return the reason of a refusal."""
        return str(self.body.get("reason", "")) if isinstance(self.body, dict) else ""


class Client:
    """A connection pool to one server."""

    def __init__(
        self,
        *,
        url: str,
        token: str = "",
        tls: ssl.SSLContext | None = None,
        user_agent: str = "platform-double",
        timeout_s: float = 15.0,
    ) -> None:
        self.url = url.rstrip("/")
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._pool = urllib3.PoolManager(
            maxsize=16, retries=False, timeout=urllib3.Timeout(total=timeout_s), ssl_context=tls
        )

    @classmethod
    def from_kubeconfig(cls, path: Path, *, user_agent: str = "platform-double", timeout_s: float = 15.0) -> "Client":
        """Connect as the current context of a kubeconfig says."""
        content = yaml.safe_load(path.read_text())
        context = named(content["contexts"], content["current-context"])["context"]
        cluster = named(content["clusters"], context["cluster"])["cluster"]
        user = named(content.get("users") or [], context["user"]).get("user") or {}
        tls = None
        if cluster["server"].startswith("https:"):
            tls = ssl.create_default_context()
            with files({"ca": (cluster, "certificate-authority")}, relative_to=path.parent) as given:
                if given["ca"]:
                    tls.load_verify_locations(given["ca"])
            wanted = {"cert": (user, "client-certificate"), "key": (user, "client-key")}
            with files(wanted, relative_to=path.parent) as given:
                if given["cert"]:
                    tls.load_cert_chain(given["cert"], given["key"] or None)
        return cls(
            url=cluster["server"], token=user.get("token", ""), tls=tls, user_agent=user_agent, timeout_s=timeout_s
        )

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - JSON is any value
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Reply:
        """Send one request and return the answer."""
        target = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {**self._headers, "Accept": accept}
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self._pool.request(method, target, body=data, headers=headers)
        text = answer.data.decode()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return Reply(
            status=answer.status, text=text, body=json.loads(text) if is_json else None, headers=answer.headers
        )

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> JsonObject:  # noqa: ANN401 - JSON, passed on
        """Send one request and return its decoded answer.

        Raises:
            RefusedError: The server refused.
        """
        reply = self.request(method, path, body, **options)
        if reply.status >= 400:
            raise RefusedError(reply)
        decoded: JsonObject = reply.body
        return decoded

    def watch(self, path: str, *, query: Mapping[str, str]) -> Generator[JsonObject, None, None]:
        """Yield the events of a watch until the server ends it."""
        target = f"{self.url}{path}?{urlencode({**query, 'watch': 'true'})}"
        answer = self._pool.request("GET", target, headers=self._headers, preload_content=False)
        try:
            rest = b""
            for chunk in answer.stream():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        finally:
            answer.close()
            answer.release_conn()

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()


def named(entries: list[JsonObject], wanted: str) -> JsonObject:
    """Find a kubeconfig's entry."""
    return next((each for each in entries if each["name"] == wanted), {})


@contextmanager
def files(wanted: Mapping[str, tuple[JsonObject, str]], *, relative_to: Path) -> Iterator[dict[str, str]]:
    """Yield paths of what a kubeconfig holds by path or as base64, the latter only as long as the context lasts."""
    with tempfile.TemporaryDirectory() as temporary:
        found: dict[str, str] = {}
        for name, (entry, key) in wanted.items():
            found[name] = str(relative_to / entry[key]) if entry.get(key) else ""
            if entry.get(f"{key}-data"):
                path = Path(temporary) / name
                path.write_bytes(base64.b64decode(entry[f"{key}-data"]))
                found[name] = str(path)
        yield found
