"""Argo, in turns: a Workflow is attempts as pods, retried by exit code, with an exit hook, behind a mutex or none.

Guarantees: what Argo does to order is there: waiting with the newest first, retries, exit hooks that run after failures
and not after a termination, and a CronWorkflow's pod. Not modelled: whatever makes no difference to the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from github import Auth

from steps.breaker.shared import Breakers
from steps.cancel import cancel
from steps.core.clock import Clock
from steps.core.errors import Exit, StepError
from steps.domain.push import ZERO_SHA
from steps.domain.record import Record
from steps.fail import fail
from steps.github.client import GitHub
from steps.github.sign_in import SignIn
from steps.kube.client import Kube
from steps.reconciliation.reconcile_pass import run_pass
from steps.runtime.context import Clients, StepContext
from steps.settings.github import GitHubSettings
from steps.telemetry.audit import Audit
from steps.telemetry.measurements import Measurements
from tests.doubles.argo_controller import FAILED, PENDING, RUNNING, SUCCEEDED
from tests.simulation.outside import TurnClock, TurnTransport, by_turns
from tests.simulation.turns import Killed
from tests.support.harness import TOKEN, Workflow
from tests.support.scene.in_process import InProcess
from tests.support.scene.workflow import submitted

if TYPE_CHECKING:
    from steps.kube.transport import Json
    from tests.simulation.world import Story

_ATTEMPTS = 4


@dataclass(slots=True, kw_only=True)
class Argo:
    """Runs the Workflows of one story.

    Attributes:
        mutex: Whether Argo's own lock is there; the Lease has to do without.
        found: How much the last pass of reconcile has found.
    """

    story: Story
    mutex: bool
    found: int = 0
    _held_by: dict[str, str] = field(default_factory=dict)
    _repairs: set[str] = field(default_factory=set)

    # Workflows.

    def deliver(self, sha: str, pushed_at: datetime, *, before: str = "", task: int = 7) -> None:
        """A webhook comes: a Workflow, from its creation to its end."""
        self._run_through(self.story.scene.workflow(sha=sha, before=before, pushed_at=pushed_at, task=task))

    def request(self, sha: str, *, at: datetime, reason: str) -> None:
        """A person submits the head, from a laptop that knows neither the push's time nor what it replaced."""
        self._run_through(self.story.scene.workflow(sha=sha, before=ZERO_SHA, pushed_at=at, reason=reason))

    def _run_through(self, workflow: Workflow) -> None:
        story = self.story
        story.workflows.append(workflow)
        while self.mutex and not self._may_begin(workflow):
            story.turns.give_up("waits for the mutex", for_s=2)
            if self.ended_meanwhile(workflow):
                return
        self._held_by[workflow.push.task] = workflow.name
        story.scene.argo.mark(workflow.name, RUNNING)
        code = self._attempts(workflow)
        if code is Exit.DONE and story.holder(workflow).startswith(workflow.uid):
            story.noted.append(f"a Workflow that succeeded lets go of the Lease: {workflow.name}")
        story.scene.argo.mark(workflow.name, SUCCEEDED if code is Exit.DONE else FAILED)
        if self._held_by.get(workflow.push.task) == workflow.name:
            del self._held_by[workflow.push.task]

    def ended_meanwhile(self, workflow: Workflow) -> bool:
        """Whether somebody has ended a Workflow while it waited; it must have had nothing left to do."""
        if self._phase(workflow) != FAILED and not self._is_ending(workflow):
            return False
        finished = (record for record in self.story.written_records(workflow.push.task) if record.finished)
        if not any(self._answers(record, workflow) for record in finished):
            self.story.noted.append(f"who is ended while it waits has nothing left to do: {workflow.name}")
        return True

    @staticmethod
    def _answers(record: Record, workflow: Workflow) -> bool:
        """Whether a finished record leaves a Workflow nothing to do; of a request, only its own steps know that."""
        return not workflow.push.is_request and record.push.pushed_at >= workflow.push.pushed_at

    def _phase(self, workflow: Workflow) -> str:
        return str(self._stored(workflow).get("status", {}).get("phase") or PENDING)

    def _is_ending(self, workflow: Workflow) -> bool:
        return bool(self._stored(workflow)["spec"].get("shutdown"))

    def _stored(self, workflow: Workflow) -> Json:
        home = self.story.scene.settings.namespaces.workflows
        return self.story.scene.api.get("workflows", workflow.name, namespace=home)

    def _may_begin(self, workflow: Workflow) -> bool:
        """The newest push of those that wait for the task's mutex is next."""
        argo, task = self.story.scene.argo, workflow.push.task
        waiting = [each for each in self.story.workflows if each.push.task == task and argo.may_begin(each.name)]
        newest = max(waiting, key=lambda each: each.push.pushed_at, default=None)
        return task not in self._held_by and newest is workflow

    def _attempts(self, workflow: Workflow) -> Exit:
        code: Exit | None = None
        for number in range(_ATTEMPTS):
            code = self.pod(workflow, name=f"{workflow.name}-{number}")
            if code not in (None, Exit.TRY_AGAIN):
                break
            if self.story.random.random() < 0.1:
                self.story.turns.trace.append(f"{workflow.name} is terminated")
                # A person has taken its push back, unless it had begun: then reconcile finishes it.
                if not self._has_begun(workflow):
                    self.story.taken_back.add(workflow.name)
                return Exit.BUG
            self.story.turns.give_up("Argo's backoff", for_s=5 * 2**number)
        if code is not Exit.DONE:
            self.step(fail, workflow, pod=f"{workflow.name}-exit")
            self.story.scene.end_pod(f"{workflow.name}-exit", phase="Succeeded")
        return Exit.BUG if code is None else code

    def _has_begun(self, workflow: Workflow) -> bool:
        """Whether it ever took the task's Lease."""
        calls = self.story.scene.api.calls
        leases = [each for each in calls if each.method in ("POST", "PUT") and "/leases" in each.path]
        return any(each.status < 300 and workflow.uid in str(each.body) for each in leases)

    def pod(self, workflow: Workflow, *, name: str) -> Exit | None:
        """One attempt; None if the pod was killed.

        A pod takes more than a second to start (measured: 1.7 s), so the second of its Workflow's watermark, in which a
        run may be created before or after it, is over when a step looks for runs.
        """
        story = self.story
        story.turns.give_up("the pod starts", for_s=story.random.uniform(1.1, 3))
        code = self.step(cancel, workflow, pod=name)
        story.scene.end_pod(name, phase="Succeeded" if code is Exit.DONE else "Failed")
        return code

    def step(self, step: Callable[[StepContext], None], workflow: Workflow, *, pod: str) -> Exit | None:
        """One container; None if it was killed."""
        assert self.story.turns.current is not None
        self.story.at_work[self.story.turns.current.name] = workflow
        return self._process(lambda: step(self._context(workflow, pod=pod)), name=f"{pod} {step.__name__}")

    def _process(self, run: Callable[[], object], *, name: str) -> Exit | None:
        """Run something that may die; its exit code, or None if it has."""
        turns = self.story.turns
        try:
            turns.mortal(mortal=True)
            run()
        except StepError as error:
            turns.trace.append(f"{name} ended: {error}")
            return error.exit
        except Killed:
            # Its node takes a while to notice.
            turns.mortal(mortal=False)
            turns.give_up("the kubelet notices", for_s=self.story.random.choice([0.5, 3, 40]))
            return None
        finally:
            turns.mortal(mortal=False)
        return Exit.DONE

    # Reconcile.

    def reconcile(self, pod: str) -> None:
        """One pass; the Workflows that it submits are run as any other."""
        story = self.story
        plain = story.scene.reconcile_context(pod=pod)
        clock = TurnClock(clock=story.scene.clock, turns=story.turns)
        kube = self._kube(clock)
        breakers = story.scene.breakers(kube)
        context = replace(
            plain,
            clock=clock,
            clients=Clients(kube=kube, breakers=breakers, github=partial(self._github, clock, breakers)),
        )

        def one_pass() -> None:
            self.found = len(run_pass(context).repairs)

        self._process(one_pass, name=pod)
        story.scene.end_pod(pod, phase="Succeeded")
        for found in story.scene.repairs():
            if found["metadata"]["name"] not in self._repairs:
                workflow = submitted(found)
                self._repairs.add(workflow.name)
                story.turns.spawn(workflow.name, partial(self._run_through, workflow))

    # What a process meets.

    def _context(self, workflow: Workflow, *, pod: str) -> StepContext:
        """A step's Context whose every call is a turn."""
        clock = TurnClock(clock=self.story.scene.clock, turns=self.story.turns)
        kube = self._kube(clock)
        breakers = self.story.scene.breakers(kube)
        plain = self.story.scene.context(workflow, pod=pod)
        clients = Clients(kube=kube, breakers=breakers, github=partial(self._github, clock, breakers))
        return replace(plain, clock=clock, clients=clients)

    def _kube(self, clock: Clock) -> Kube:
        transport = TurnTransport(inner=InProcess(self.story.scene.api), turns=self.story.turns)
        settings = self.story.scene.settings.kubernetes
        audit = self.story.scene.audit()
        return Kube(transport=transport, clock=clock, settings=settings, random=lambda: 0.5, audit=audit)

    def _github(
        self,
        clock: Clock,
        breakers: Breakers,
        while_waiting: Callable[[], None],
        settings: GitHubSettings | None = None,
        *,
        audit: Audit | None = None,
    ) -> GitHub:
        real = GitHub(
            sign_in=SignIn(Auth.Token(TOKEN), clock=clock),
            settings=settings or self.story.scene.settings.github,
            clock=clock,
            random=lambda: 0.5,
            while_waiting=while_waiting,
            breaker=breakers.github,
            measurements=Measurements(),
            audit=audit or self.story.scene.audit(),
        )
        return by_turns(real, double=self.story.scene.github, turns=self.story.turns)
