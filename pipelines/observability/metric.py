"""A metric of a WorkflowTemplate: its name, its kind, and its series.

Guarantees that a name has one help text and one kind, as Argo requires, and that values are final: no metric is
updated while a Workflow runs. `pipelines.observability.metrics` defines the metrics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hera.workflows import Counter, Gauge, Histogram, Label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Argo's prefix of every name.
PREFIX = "argo_workflows_"
# In seconds, around the platform's target of 30: from Argo's own delay of 2 to an attempt's deadline with its retries.
_BUCKETS = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of a metric.

    Attributes:
        value: A number, or the reference of an output.
        when: Condition in Argo's expression language; empty for always.
        labels: Label names and values; a value may be an output with few values.
    """

    value: str
    when: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of one template.

    Attributes:
        name: Name without Argo's prefix.
        kind: Hera's class.
        about: Help text: the quantity and its unit.
    """

    name: str
    kind: type[Counter | Gauge | Histogram]
    about: str
    series: tuple[Series, ...]

    @property
    def full_name(self) -> str:
        """Name in Prometheus."""
        return PREFIX + self.name

    def built(self) -> Iterator[Counter | Gauge | Histogram]:
        """Build Hera's object for each series."""
        for each in self.series:
            labels = [Label(key=key, value=value) for key, value in each.labels.items()]
            if self.kind is Histogram:
                yield Histogram(
                    name=self.name,
                    help=self.about,
                    labels=labels,
                    when=each.when or None,
                    value=each.value,
                    buckets=list(_BUCKETS),
                )
            elif self.kind is Gauge:
                yield Gauge(
                    name=self.name,
                    help=self.about,
                    labels=labels,
                    when=each.when or None,
                    value=each.value,
                    realtime=False,
                )
            else:
                yield Counter(name=self.name, help=self.about, labels=labels, when=each.when or None, value=each.value)
