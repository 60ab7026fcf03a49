"""What runs own that are being stopped, also if an earlier attempt has deleted them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.agents.decisions import RunDecisions, Surroundings
from steps.agents.ownership import owned_by_stopping_runs
from steps.domain.agent import RunOutcome
from tests.support import factories
from tests.support.factories import DONE, owned_object
from tests.support.harness import DEFAULTS

NOTHING = RunDecisions(to_cancel=(), to_await=(), kept=())


@pytest.mark.parametrize(("namespace", "owned"), [("team-one", True), ("team-two", False)])
def test_a_deleted_run_owns_what_names_it_in_its_own_namespace(namespace: str, *, owned: bool) -> None:
    """Kubernetes follows no owner reference into another namespace."""
    _, run = factories.run()
    agent = replace(run.as_agent(outcome=RunOutcome.STOPPING, reason="stale"), namespace="team-one")
    job = replace(owned_object("job", agent.uid), namespace=namespace)
    found = owned_by_stopping_runs(
        replace(DONE, agents=(agent,)), judged=NOTHING, around=Surroundings(objects=(job,)), kinds=DEFAULTS.agents
    )
    assert ("job" in found.objects) is owned
