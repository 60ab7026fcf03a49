"""Counts the requests of the pods, and the busiest second of the API server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Traffic:
    """Requests of all pods together."""

    kubernetes: int = 0
    github: int = 0
    github_writes: int = 0
    sign_ins: int = 0
    _seconds: Counter[int] = field(default_factory=Counter)

    def to_kubernetes(self, requests: int, *, now: float) -> None:
        """Count requests to the API server."""
        self.kubernetes += requests
        self._seconds[int(now)] += requests

    @property
    def peak(self) -> int:
        """Requests to the API server in the busiest second."""
        return max(self._seconds.values(), default=0)
