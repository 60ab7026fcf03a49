"""The W3C Trace Context that Argo sets in the environment of a process. Pure.

Guarantees that a value outside the W3C recommendation is ignored. Values come from outside, and are in every log line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://www.w3.org/TR/trace-context/: lower-case hexadecimal; only future versions have more fields.
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]{1,200})?")
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]")
_MAX_STATE, _MAX_MEMBERS = 512, 32
_SAMPLED = 0x01


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """The trace that a process belongs to.

    Attributes:
        trace_id: 32 hexadecimal digits.
        parent_id: The span that started this process, 16 hexadecimal digits.
        sampled: Whether the trace is recorded.
        state: `tracestate`, to pass on; empty if missing or malformed.
    """

    trace_id: str
    parent_id: str
    sampled: bool
    state: str


def trace_context_from_env(env: Mapping[str, str]) -> TraceContext | None:
    """Read TRACEPARENT and TRACESTATE; return None if the trace is missing or malformed."""
    match = _PARENT.fullmatch(env.get("TRACEPARENT", ""))
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(parent_id, 16):
        return None
    return TraceContext(
        trace_id=trace_id,
        parent_id=parent_id,
        sampled=bool(int(flags, 16) & _SAMPLED),
        state=_state(env.get("TRACESTATE", "")),
    )


def _state(text: str) -> str:
    members = [member.strip(" \t") for member in text.split(",")]
    fits = len(text) <= _MAX_STATE and len(members) <= _MAX_MEMBERS
    keys = [member.partition("=")[0] for member in members]
    whole = fits and len(set(keys)) == len(keys) and all(map(_MEMBER.fullmatch, members))
    return ",".join(members) if whole else ""
