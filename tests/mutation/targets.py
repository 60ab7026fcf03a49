"""Which modules are mutated, and which tests have to notice.

Guarantees: only tests that take seconds, since a mutant that survives costs all of them. A test that is slow, like a
crash at any call or a simulated story, would notice more; that it is not needed is the stronger statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_PUSH = ("whole_push", "pull_request", "agents_end")
TARGETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "decisions": ("decisions",),
        "lease": ("lease", "refusals"),
        "hold": ("lease", "refusals"),
        "claim": ("claim",),
        "labels": _PUSH,
        "waiting": ("waiting",),
        "findings": ("findings",),
        "look": ("findings",),
        "plan": ("plan",),
        "tries": ("tries",),
        "retention": ("retention",),
        "survey": ("survey", "sweep"),
        "repair": ("repair", "sweep", "reconcile_locks"),
        "reconcile": ("sweep",),
        "breaker": ("breaker",),
        "circuit": ("breaker",),
        "state": ("state",),
        "runs": ("runs", "kinds", *_PUSH),
        "asking": ("stopping", "kinds"),
        "deleting": ("stopping", "kinds", "breaker", *_PUSH),
        "stopping": ("stopping", "kinds", "events", *_PUSH),
        "proving": ("stopping", "kinds", *_PUSH),
        "children": ("children", "stopping"),
        "cancel": ("endings", "report", "measurements", "waiting", "state", "breaker", *_PUSH),
        "settle": ("endings", "report", "events", "relay", "state", *_PUSH),
        "fail": ("endings", "events", *_PUSH),
    }
)
