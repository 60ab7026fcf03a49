"""The runs that a push cancels: a table of cases that other systems had, and properties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.domain.run_decision import AgentPolicy, RunAction, RunFacts, decide_run
from tests.support import factories
from tests.support.pushes import T0, at

PUSH: dict[str, Any] = {"repository": "o/r", "branch": "task-7"}
POLICY = AgentPolicy(
    cancellable=("5DLabs-Cleo", "5DLabs-Tess"), exempt=("5DLabs-Rex",), finished=("Succeeded", "Failed")
)

# The name of one App: as it is, as its login, in a mention, and in the output of gh.
SPELLINGS = ("my-coder", "My-Coder", "my-coder[bot]", "MY-CODER[BOT]", "@my-coder", "app/my-coder")


def run(created: float = -10, **changes: object) -> RunFacts:
    _, found = factories.run(created_at=at(created))
    return replace(found.facts, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "action", "reason"),
    [
        pytest.param(run(), RunAction.CANCEL, "stale", id="a run from before the push"),
        pytest.param(run(0), RunAction.CANCEL, "stale", id="a run of the same second: created at the watermark"),
        pytest.param(run(1), RunAction.KEEP, "newer than the push", id="a run from after the push"),
        pytest.param(run(phase=""), RunAction.CANCEL, "stale", id="a run without status has not started"),
        pytest.param(run(phase="Pending"), RunAction.CANCEL, "stale", id="a pending run"),
        pytest.param(run(phase="Succeeded"), RunAction.KEEP, "finished", id="Prow: completed jobs are left alone"),
        pytest.param(run(phase="Failed"), RunAction.KEEP, "finished", id="a failed run"),
        pytest.param(run(agent="5DLabs-Rex"), RunAction.KEEP, "exempt agent", id="the agent that pushed"),
        pytest.param(
            run(agent="5DLabs-Nova"),
            RunAction.KEEP,
            "agent is not listed as cancellable",
            id="an unlisted agent",
        ),
        pytest.param(run(agent="5dlabs-rex"), RunAction.KEEP, "exempt agent", id="an exempt agent in another case"),
        pytest.param(run(agent="5DLABS-TESS"), RunAction.CANCEL, "stale", id="a listed agent in another case"),
        pytest.param(run(agent="5DLabs-Rex[bot]"), RunAction.KEEP, "exempt agent", id="an exempt agent by its login"),
        pytest.param(run(agent="5dlabs-tess[Bot]"), RunAction.CANCEL, "stale", id="a listed agent by its login"),
        pytest.param(run(agent=""), RunAction.KEEP, "names no agent", id="a run that names no agent"),
        pytest.param(run(agent="@"), RunAction.KEEP, "names no agent", id="a mention of nobody"),
        pytest.param(run(repository=""), RunAction.KEEP, "names no repository", id="a run that names no repository"),
        pytest.param(
            run(repository="o/other"),
            RunAction.KEEP,
            "belongs to another repository",
            id="Pipelines-as-Code #1826: same task number elsewhere",
        ),
        pytest.param(
            run(repository="", elsewhere=True),
            RunAction.KEEP,
            "its repository is on another server; if the host stands for GitHub, add it to github.hosts",
            id="same owner and name on another server",
        ),
        pytest.param(run(repository="O/R"), RunAction.CANCEL, "stale", id="GitHub ignores the case of repositories"),
        pytest.param(run(deleting=True), RunAction.AWAIT, "being deleted already", id="no second delete"),
        pytest.param(
            run(sha="b" * 40),
            RunAction.KEEP,
            "works on the head",
            id="GitLab !259960: force-pushed back to this commit",
        ),
        pytest.param(run(keep=True), RunAction.KEEP, "marked with agent-cancellation/keep", id="a marked run"),
        pytest.param(run(branch="task-7"), RunAction.CANCEL, "stale", id="a run on the branch of the push"),
        pytest.param(
            run(branch="task-7-b"), RunAction.KEEP, "works on another branch", id="a run on another branch of the task"
        ),
        pytest.param(run(branch="heads/task-7"), RunAction.CANCEL, "stale", id="git: a tag has the name of the branch"),
        pytest.param(run(sha="e" * 40), RunAction.CANCEL, "stale", id="a run that names an older commit"),
        pytest.param(
            run(deleting=True, phase="Succeeded"), RunAction.KEEP, "finished", id="finished and being deleted"
        ),
    ],
)
def test_a_run_is_judged_by_its_fields(facts: RunFacts, action: RunAction, reason: str) -> None:
    verdict = decide_run(facts, policy=POLICY, **PUSH, watermark=T0, head_sha="b" * 40)
    assert (verdict.action, verdict.reason) == (action, reason)


@pytest.mark.parametrize(
    ("facts", "action", "reason"),
    [
        (run(), RunAction.KEEP, "may work for another open pull request of the task"),
        (run(deleting=True), RunAction.KEEP, "may work for another open pull request of the task"),
        (run(phase="Succeeded"), RunAction.KEEP, "finished"),
        (run(1), RunAction.KEEP, "newer than the push"),
        (run(agent="5DLabs-Rex"), RunAction.KEEP, "exempt agent"),
    ],
)
def test_a_run_that_may_work_for_another_branch_is_kept_at_the_end_of_one(
    facts: RunFacts, action: RunAction, reason: str
) -> None:
    verdict = decide_run(facts, policy=POLICY, **PUSH, watermark=T0, head_sha="0" * 40, shared=True)
    assert (verdict.action, verdict.reason) == (action, reason)


def test_a_star_makes_all_agents_cancellable_except_the_exempt() -> None:
    policy = replace(POLICY, cancellable=("*",))
    verdicts = {
        agent: decide_run(run(agent=agent), policy=policy, **PUSH, watermark=T0, head_sha="").action
        for agent in ("5DLabs-Nova", "5DLabs-Rex", "")
    }
    assert verdicts == {"5DLabs-Nova": RunAction.CANCEL, "5DLabs-Rex": RunAction.KEEP, "": RunAction.KEEP}


@pytest.mark.parametrize(
    "exempt", ["my-coder", "My-Coder", "my-coder[bot]", "MY-CODER[BOT]", "@my-coder", "app/my-coder"]
)
@pytest.mark.parametrize(
    "agent", ["my-coder", "My-Coder", "my-coder[bot]", "MY-CODER[BOT]", "@my-coder", "app/my-coder", " my-coder[bot]\n"]
)
def test_the_agent_that_pushed_is_exempt_in_each_spelling_of_its_login(exempt: str, agent: str) -> None:
    policy = replace(POLICY, cancellable=("*",), exempt=(exempt,))
    verdict = decide_run(run(agent=agent), policy=policy, **PUSH, watermark=T0, head_sha="")
    assert (verdict.action, verdict.reason) == (RunAction.KEEP, "exempt agent")


@given(
    created=st.integers(-1000, 1000),
    watermark=st.integers(-1000, 1000),
    agent=st.sampled_from(["5DLabs-Rex", "5DLabs-Tess", "5DLabs-Nova", ""]),
    phase=st.sampled_from(["", "Pending", "Running", "Succeeded"]),
    sha=st.sampled_from(["", "b" * 40, "c" * 40]),
    deleting=st.booleans(),
)
def test_nothing_newer_exempt_or_on_the_head_is_ever_cancelled(
    created: int, watermark: int, agent: str, phase: str, sha: str, *, deleting: bool
) -> None:
    facts = run(created, agent=agent, phase=phase, sha=sha, deleting=deleting)
    verdict = decide_run(facts, policy=POLICY, **PUSH, watermark=at(watermark), head_sha="b" * 40)
    if created > watermark or agent != "5DLabs-Tess" or sha == "b" * 40:
        assert verdict.action is RunAction.KEEP
    elif phase != "Succeeded":
        assert verdict.stale


@pytest.mark.parametrize(
    ("sha", "action", "reason"),
    [
        ("b" * 7, RunAction.KEEP, "works on the head"),
        ("B" * 40, RunAction.KEEP, "works on the head"),
        ("b" * 6, RunAction.KEEP, "newer than the push"),
        ("a" * 7, RunAction.CANCEL, "stale"),
        ("a" * 6, RunAction.KEEP, "newer than the push"),
        ("d" * 40, RunAction.CANCEL, "stale"),
        ("c" * 40, RunAction.KEEP, "newer than the push"),
    ],
)
def test_a_run_that_names_its_commit_is_judged_by_it_before_its_age(sha: str, action: RunAction, reason: str) -> None:
    older = ("d" * 40, "a" * 40)
    found = decide_run(run(60, sha=sha), policy=POLICY, **PUSH, watermark=T0, head_sha="b" * 40, older=older)
    assert (found.action, found.reason) == (action, reason)


@pytest.mark.parametrize(
    ("facts", "action", "reason"),
    [
        (run(-10), RunAction.KEEP, "its commit is not known to be older"),
        (run(60, sha="d" * 40), RunAction.CANCEL, "stale"),
        (run(-10, sha="c" * 40), RunAction.KEEP, "its commit is not known to be older"),
        (run(-10, sha="d" * 40, phase="Failed"), RunAction.AWAIT, "asked to stop already"),
    ],
)
def test_of_a_run_that_can_be_started_again_only_the_commit_decides(
    facts: RunFacts, action: RunAction, reason: str
) -> None:
    policy = replace(POLICY, restartable=True)
    found = decide_run(facts, policy=policy, **PUSH, watermark=T0, head_sha="b" * 40, older=("d" * 40,))
    assert (found.action, found.reason) == (action, reason)


def test_a_run_on_the_head_of_another_branch_is_kept() -> None:
    found = decide_run(
        run(sha="c" * 40), policy=POLICY, **PUSH, watermark=T0, head_sha="b" * 40, other_heads=["c" * 40]
    )
    assert (found.action, found.reason) == (RunAction.KEEP, "works on the head of another branch")
