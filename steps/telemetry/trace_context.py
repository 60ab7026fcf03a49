"""The trace that a process belongs to, as Argo tells it in the environment: W3C Trace Context. Pure.

Guarantees that only what the recommendation allows is taken, and that anything else is as if it were not there: the
value comes from outside, and stands in every line of the log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://www.w3.org/TR/trace-context/: lower-case hexadecimal; more fields only in versions that are yet to come.
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]{1,200})?")
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]")
_MAX_STATE, _MAX_MEMBERS = 512, 32
_SAMPLED = 0x01


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """What came before this process.

    Attributes:
        trace_id: 32 hexadecimal digits.
        parent_id: The span that started us, 16 hexadecimal digits.
        sampled: Whether the trace is recorded at all.
        state: `tracestate`, to be passed on; empty if there is none that is well-formed.
    """

    trace_id: str
    parent_id: str
    sampled: bool
    state: str


def trace_context_from_env(env: Mapping[str, str]) -> TraceContext | None:
    """Read TRACEPARENT and TRACESTATE; None if there is no trace, or none that is well-formed."""
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
