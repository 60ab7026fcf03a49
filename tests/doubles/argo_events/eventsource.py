"""The GitHub EventSource: a webhook request becomes an event, or is refused.

Guarantees: the published data is byte for byte what Go's encoder writes; the event source's and the bus's limits of
size hold. Does not: model the event source's own `filter`, rate limits or a failing event bus; a body near the bus's
limit raises `NotModelled`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

from tests.doubles.argo_events import gojson
from tests.doubles.argo_events.errors import GoError, NotModelled
from tests.doubles.argo_events.events import Event, Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_BODY = 1 << 20
_BUS_LIMIT, _ENVELOPE = "1MB", 2048
_UNITS = {"": 1, "KB": 1 << 10, "MB": 1 << 20}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
_INJECTED = ("X-GitHub-Event", "X-GitHub-Delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """One GitHub event of an EventSource. An empty secret checks nothing, as in reality."""

    name: str
    event: str
    secret: str
    max_body: int = _MAX_BODY
    max_message: int = _MAX_BODY

    @classmethod
    def of(cls, manifest: dict[str, Any], *, event: str, secret: str, bus: dict[str, Any] | None = None) -> Self:
        """Read the manifest of an EventSource, and that of its EventBus; the secret's value comes from elsewhere."""
        github = manifest["spec"]["github"][event]
        if "filter" in github:
            raise NotModelled("the event source's own filter")
        known = secret if "webhookSecret" in github else ""
        limit = github.get("webhook", {}).get("maxPayloadSize") or _MAX_BODY
        carried = (bus or {}).get("spec", {}).get("jetstream", {}).get("maxPayload", _BUS_LIMIT)
        return cls(
            name=manifest["metadata"]["name"], event=event, secret=known, max_body=limit, max_message=_bytes(carried)
        )

    def receive(self, headers: Mapping[str, str], body: bytes) -> Event | Rejection:
        """Answer a webhook request."""
        canonical = {_canonical(name): value for name, value in headers.items() if name.lower() != "host"}
        if len(body) > self.max_body:
            return Rejection(status=400, reason="http: request body too large")
        try:
            payload = self._payload(canonical, body)
            content = gojson.decode(payload)
        except GoError as error:
            return Rejection(status=400, reason=str(error))
        if not isinstance(content, dict):
            return Rejection(status=400, reason="the payload is no JSON object")
        if "Authorization" in canonical:
            canonical["Authorization"] = "*** Masked Auth Secret ***"
        published = {
            "headers": {name: [value] for name, value in canonical.items()},
            "body": content | {name: canonical.get(_canonical(name), "") for name in _INJECTED},
        }
        data = gojson.encode(published)
        size = len(data.encode())
        if size > self.max_message:
            return Rejection(status=500, reason="nats: maximum payload exceeded")
        if size > self.max_message - _ENVELOPE:
            raise NotModelled("an event whose envelope decides whether the bus takes it")
        return Event(source=self.name, subject=self.event, data=data)

    def _payload(self, headers: Mapping[str, str], body: bytes) -> bytes:
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            payload = body
        elif kind == "application/x-www-form-urlencoded":
            payload = parse_qs(body.decode("latin-1"), encoding="latin-1").get("payload", [""])[0].encode("latin-1")
        else:
            raise GoError(f"webhook request has unsupported Content-Type {kind!r}")
        if self.secret:
            signature = headers.get("X-Hub-Signature-256") or headers.get("X-Hub-Signature") or ""
            _check(signature, body, self.secret.encode())
        return payload


def _bytes(text: str) -> int:
    """Read a size as the bus's configuration does."""
    number, unit = re.fullmatch(r"([0-9]+)([A-Z]*)", text).groups()  # type: ignore[union-attr]
    return int(number) * _UNITS[unit]


def sign(secret: str, body: bytes) -> str:
    """Give the X-Hub-Signature-256 of a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _check(signature: str, body: bytes, secret: bytes) -> None:
    if not signature:
        raise GoError("missing signature")
    kind, equals, digest = signature.partition("=")
    if not equals or "=" in digest or kind not in _HASHES:
        raise GoError("error parsing signature")
    expected = hmac.new(secret, body, _HASHES[kind]).digest()
    try:
        given = bytes.fromhex(digest)
    except ValueError as error:
        raise GoError("error decoding signature") from error
    if not hmac.compare_digest(expected, given):
        raise GoError("payload signature check failed")


def _canonical(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        return name
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))
