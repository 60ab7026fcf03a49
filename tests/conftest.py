"""Fixtures of the unit and scenario tiers: nothing outside the process but loopback HTTP to the GitHub double."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.doubles.clock import ManualClock
from tests.doubles.github import GitHub, serve
from tests.support.harness import OLD, REPOSITORY, TOKEN, Scene

# A deadline for each example would be an assertion about the machine's load. Tests have their own time limit.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture
def scene() -> Iterator[Scene]:
    """A cluster and a GitHub with one pull request for task 7, ready for QA."""
    clock = ManualClock()
    github = GitHub(clock=clock.timestamp, sleep=clock.sleep)
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress", "skip-automation"])
    github.add_pull_request(head="task-7-work", sha=OLD, labels=["ready-for-qa", "task-7", "team-a"])
    github.add_token(TOKEN)
    with serve(github) as url:
        yield Scene(github=github, github_url=url, clock=clock)
