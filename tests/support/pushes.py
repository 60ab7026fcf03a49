"""Pushes and records of one task at moments around T0, for tests of the rules about their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from steps.domain.push import Push, Sha
from steps.domain.record import LabelOutcome, Phase, Record
from tests.support import factories

T0 = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """That many seconds after T0."""
    return T0 + timedelta(seconds=seconds)


def push(sha: str = "b" * 40, *, pushed: float = 0) -> Push:
    """A push of this commit."""
    return replace(factories.push(at=at(pushed)), sha=Sha(sha))


def record(
    watermark: float,
    *,
    phase: Phase = Phase.COMPLETED,
    labels: LabelOutcome = LabelOutcome.MOVED,
    sha: str = "a" * 40,
    pushed: float | None = None,
) -> Record:
    """A record whose push is as old as its watermark, unless `pushed` says otherwise."""
    of = push(sha, pushed=watermark if pushed is None else pushed)
    return factories.record(of, watermark=at(watermark), phase=phase, labels=labels)
