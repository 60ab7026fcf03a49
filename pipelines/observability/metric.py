"""A metric as a WorkflowTemplate states it: what is counted, and which series a workflow adds to.

Guarantees what Argo asks for: one help and one kind for a name, and numbers that are final, never watched while they
run. Which metrics there are is pipelines.observability.metrics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hera.workflows import Counter, Gauge, Histogram, Label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What Argo puts before every name.
PREFIX = "argo_workflows_"
# In seconds. From the platform's thirty both ways: Argo's own two, the steps' deadline, what retries take.
_BUCKETS = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One value of a metric.

    Attributes:
        value: Of this workflow; a number, or an output's.
        when: Whether there is one, in Argo's expression language; empty for always.
        labels: Label names and values; a value may be an output that has few.
    """

    value: str
    when: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of one template.

    Attributes:
        name: Without Argo's prefix.
        kind: Hera's class.
        about: What is counted, and in what.
    """

    name: str
    kind: type[Counter | Gauge | Histogram]
    about: str
    series: tuple[Series, ...]

    @property
    def full_name(self) -> str:
        """As Prometheus knows it."""
        return PREFIX + self.name

    def built(self) -> Iterator[Counter | Gauge | Histogram]:
        """The same for Hera, one for each series."""
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
