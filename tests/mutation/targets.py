"""Which modules are mutated, and which tests have to notice.

Guarantees: only tests that take seconds, since a mutant that survives costs all of them. A test that is slow, like a
crash at any call or a simulated story, would notice more; that it is not needed is the stronger statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TARGETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "decisions": ("decisions",),
        "lease": ("lease",),
        "hold": ("lease",),
        "claim": ("claim",),
        "labels": ("whole_push",),
        "waiting": ("waiting",),
        "findings": ("findings",),
        "look": ("findings",),
        "plan": ("plan",),
        "tries": ("tries",),
        "retention": ("retention",),
        "reconcile": ("sweep",),
        "breaker": ("breaker",),
        "circuit": ("breaker",),
        "state": ("state",),
        "runs": ("runs", "kinds", "whole_push"),
        "asking": ("stopping", "kinds"),
        "deleting": ("stopping", "kinds", "breaker", "whole_push"),
        "stopping": ("stopping", "kinds", "events", "whole_push"),
        "proving": ("stopping", "kinds", "whole_push"),
        "children": ("children", "stopping"),
    }
)
