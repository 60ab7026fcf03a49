"""One alert, as plain values, and its rule for Prometheus.

Guarantees that the rule links to the alert's own section of docs/operations.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

# The window of most expressions: an alert sees what happened within it.
WINDOW = "30m"
_WORDS = {5: "five", 20: "twenty"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert.

    Attributes:
        expr: PromQL expression; has a result while the alert is active.
        lasts: How long it must be active before it fires.
        summary: One line; may quote labels of the result.
        about: Effect on the platform's users.
        labels: Further labels.
    """

    name: str
    expr: str
    lasts: str
    severity: Literal["warning", "critical"]
    summary: str
    about: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def rule(self, *, runbook: str) -> dict[str, Any]:
        """Build the rule for Prometheus.

        Args:
            runbook: Address of docs/operations.md; empty: no link.
        """
        link = {"runbook_url": f"{runbook}#{self.name.lower()}"} if runbook else {}
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasts,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {"summary": self.summary, "description": self.about} | link,
        }


def in_words(minutes: int) -> str:
    """Return a number of minutes as the text of an alert has it."""
    return f"{_WORDS.get(minutes, minutes)} minutes"
