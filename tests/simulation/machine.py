"""A task as a state machine: what may happen to it, in an order that Hypothesis chooses, and makes as short as it can.

Guarantees: the invariants that hold at any time are checked after each rule, the others once reconcile has finished
what was left. Where the seeded stories interleave single calls at random, this says which call something befalls, so a
story that fails shrinks to a few lines. Not played here: a person's skip label (tests/unit).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from steps.core.errors import Exit
from steps.domain.push import MANUAL_ALL_REASON, MANUAL_REASON, ZERO_SHA
from steps.fail import fail
from tests.doubles.argo_controller import FAILED, RUNNING, SUCCEEDED
from tests.doubles.github import fail as github_fails
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.simulation.alone import Alone
from tests.simulation.argo import Argo
from tests.simulation.invariants import always, broken
from tests.simulation.turns import Killed
from tests.simulation.world import AGENTS, BRANCH, LABELS, Story, is_ending
from tests.support.harness import Workflow
from tests.support.scene.workflow import submitted

_ATTEMPTS, _ROUNDS, _QUIET = 4, 40, 2
_MOST_PUSHES, _PAUSE_S = 5, 45.0
# Before each attempt (pipelines/manifests/cancel_workflow.py).
_BACKOFF_S = (0, 5, 10, 20)
which = st.integers(0, 9)
call = st.integers(1, 60)
answers = st.sampled_from(
    [
        {"lose": "request"},
        {"lose": "reply"},
        {"status": 409, "reason": "Conflict"},
        {"status": 429, "reason": "TooManyRequests", "headers": {"Retry-After": "2"}},
        {"status": 500, "reason": "InternalError"},
    ]
)


class Task(RuleBasedStateMachine):
    """One task."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(seed=0)
        self.scene, self.turns = self.story.scene, Alone(clock=self.story.scene.clock)
        self.story.turns = self.turns
        # Without Argo's lock, so that a waiting Workflow may begin at any time.
        self.argo = self.story.argo = Argo(story=self.story, mutex=False)
        # Calls that nothing depends on would only dilute where something can befall one; the stories have them.
        self.scene.settings = replace(
            self.scene.settings, kubernetes=replace(self.scene.settings.kubernetes, events=False)
        )
        self.scene.github.edit_labels(1, add=["team-b", "looks-good"])
        self.waiting: list[Workflow] = []
        self.attempts: dict[str, int] = {}
        self.serial = 0

    # What happens outside.

    @rule(agent=st.sampled_from([TESS, TESS, CLEO, REX]))
    def an_agent_starts(self, agent: str) -> None:
        """The platform starts an agent."""
        self.story.bear(f"run-{self._next()}", agent=agent, owners=[])

    @rule(agent=st.sampled_from([TESS, REX]), which=which, by_job=st.booleans())
    def an_agent_starts_another(self, agent: str, which: int, *, by_job: bool) -> None:
        """An agent starts another one, and owns it: directly, or by its Job."""
        living = [each for each in self.scene.api.list("coderuns", namespace=AGENTS) if not is_ending(each)]
        if not living:
            return
        owner = self.story.owner_of_its_runs(living[which % len(living)], by_job=by_job)
        self.story.bear(f"run-{self._next()}", agent=agent, owners=[owner])

    @precondition(lambda self: len(self.story.pushes) < _MOST_PUSHES)
    @rule()
    def somebody_pushes(self) -> None:
        """GitHub takes a push; its webhook comes when it comes."""
        sha = f"{len(self.story.pushes) + 1:040x}"
        self.scene.github.push(BRANCH, sha)
        self.story.pushes.append((sha, self.scene.clock.now().replace(microsecond=0)))

    @precondition(lambda self: self.story.pushes)
    @rule(which=which)
    def a_webhook_comes(self, which: int) -> None:
        """It comes late, again, or out of order."""
        sha, pushed_at = self.story.pushes[which % len(self.story.pushes)]
        self._known(self.scene.workflow(sha=sha, pushed_at=pushed_at))

    @precondition(lambda self: self.story.pushes)
    @rule(reason=st.sampled_from([MANUAL_REASON, MANUAL_ALL_REASON]), ahead_s=st.sampled_from([-300, 0, 25]))
    def a_person_submits_the_head(self, reason: str, ahead_s: int) -> None:
        """From a laptop, whose clock may be wrong."""
        at = self.scene.clock.now() + timedelta(seconds=ahead_s)
        sha, _ = self.story.pushes[-1]
        self._known(self.scene.workflow(sha=sha, before=ZERO_SHA, pushed_at=at, reason=reason))

    @rule(times=st.sampled_from([1, 5, 8]))
    def github_fails(self, times: int) -> None:
        """GitHub answers its next requests badly, often enough to open its breaker, or not."""
        self.scene.github.fault(github_fails(503), times=times)

    @rule(seconds=st.sampled_from([1, 5, 31, 310]))
    def time_passes(self, seconds: int) -> None:
        """The platform's controllers work meanwhile."""
        self.scene.later(seconds)

    # What Argo does.

    @precondition(lambda self: self.waiting)
    @rule(which=which)
    def a_pod_runs(self, which: int) -> None:
        """An attempt that nothing befalls."""
        self._attempt(self._waiter(which))

    @precondition(lambda self: self.waiting)
    @rule(which=which, call=call)
    def a_pod_is_killed(self, which: int, call: int) -> None:
        """An attempt that dies at one of its calls."""
        self.turns.expect(_die, call=call)
        self._attempt(self._waiter(which))

    @precondition(lambda self: self.waiting)
    @rule(which=which, other=which, call=call)
    def a_pod_is_paused_and_another_runs(self, which: int, other: int, call: int) -> None:
        """An attempt that stops past its Lease, while another Workflow's goes all the way."""
        mine, another = self._waiter(which), self._waiter(other)

        def overtake() -> None:
            self.scene.clock.sleep(_PAUSE_S)
            if another is not mine:
                self.turns.as_another(lambda: self._attempt(another))

        self.turns.expect(overtake, call=call)
        self._attempt(mine)

    @precondition(lambda self: self.waiting)
    @rule(which=which, call=call, answer=answers)
    def a_call_is_answered_badly(self, which: int, call: int, answer: dict[str, Any]) -> None:
        """An attempt that gets one bad answer of the API server."""
        self.scene.api.faults.add(Fault(nth=call, **answer))
        self._attempt(self._waiter(which))
        self.scene.api.faults.clear()

    @precondition(lambda self: self.waiting)
    @rule(which=which, call=call)
    def another_program_writes_the_state_meanwhile(self, which: int, call: int) -> None:
        """An attempt during which another program changes a field of the state document that is its own."""
        self.turns.expect(self.story.write_state, call=call)
        self._attempt(self._waiter(which))

    @precondition(lambda self: self.waiting)
    @rule(which=which)
    def a_person_terminates_a_workflow(self, which: int) -> None:
        """It runs no exit hook then. One that has not held the Lease takes its push back: no record has it."""
        workflow = self._waiter(which)
        self._end(workflow, phase=FAILED)
        if not self._has_held(workflow):
            self.story.workflows.remove(workflow)

    def _has_held(self, workflow: Workflow) -> bool:
        written = self.story.written_leases(str(workflow.push.task))
        holders = (str(lease["spec"].get("holderIdentity") or "") for lease in written)
        return any(holder.startswith(f"{workflow.uid}/") for holder in holders)

    @rule()
    def reconcile_makes_a_pass(self) -> None:
        """A pass that nothing befalls."""
        self._reconcile()

    @rule(call=call)
    def a_pass_of_reconcile_is_killed(self, call: int) -> None:
        """A pass that dies at one of its calls."""
        self.turns.expect(_die, call=call)
        self._reconcile()

    # What has to hold.

    @invariant()
    def nothing_is_wrong_so_far(self) -> None:
        """What holds at any time."""
        assert always(self.story) == []

    def teardown(self) -> None:
        """Whatever is left is finished by Argo and reconcile alone, once GitHub works again."""
        if not self.story.pushes:
            return
        self.scene.github.plan.clear_faults()
        quiet = 0
        for _ in range(_ROUNDS):
            while self.waiting:
                self._attempt(self.waiting[0])
            self.scene.later(61)
            self._reconcile()
            quiet = 0 if self.argo.found or self.waiting else quiet + 1
            if quiet == _QUIET:
                break
        found = broken(self.story)
        assert not found, found
        assert set(LABELS) - {"ready-for-qa"} <= set(self.scene.github.labels(1))

    # How.

    def _next(self) -> int:
        self.serial += 1
        return self.serial

    def _known(self, workflow: Workflow) -> None:
        self.story.workflows.append(workflow)
        self.waiting.append(workflow)

    def _waiter(self, which: int) -> Workflow:
        return self.waiting[which % len(self.waiting)]

    def _attempt(self, workflow: Workflow) -> None:
        """One pod of a Workflow; a further one after the pause of the template's retry strategy."""
        self.scene.later(_BACKOFF_S[self.attempts.get(workflow.name, 0)])
        self.scene.argo.mark(workflow.name, RUNNING)
        code = self.argo.pod(workflow, name=f"{workflow.name}-{self._next()}")
        self.turns.expect(None, call=0)
        self.attempts[workflow.name] = self.attempts.get(workflow.name, 0) + 1
        if code is Exit.DONE:
            self._end(workflow, phase=SUCCEEDED)
        elif code not in (None, Exit.TRY_AGAIN) or self.attempts[workflow.name] == _ATTEMPTS:
            self.argo.step(fail, workflow, pod=f"{workflow.name}-exit")
            self.scene.end_pod(f"{workflow.name}-exit", phase="Succeeded")
            self._end(workflow, phase=FAILED)
        # At once: what the record says later does not justify ending a Workflow now.
        self.scene.argo.step()
        self.waiting = [each for each in self.waiting if not self.argo.ended_meanwhile(each)]

    def _end(self, workflow: Workflow, *, phase: str) -> None:
        if workflow in self.waiting:  # another may have ended it in between
            self.scene.argo.mark(workflow.name, phase)
            self.waiting.remove(workflow)

    def _reconcile(self) -> None:
        self.argo.reconcile(f"pass-{self._next()}")
        self.turns.expect(None, call=0)
        known = {workflow.name for workflow in self.story.workflows}
        for found in self.scene.repairs():
            if found["metadata"]["name"] not in known:
                self._known(submitted(found))


def _die() -> None:
    raise Killed
