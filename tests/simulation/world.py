"""One simulated story of a task: pushes, Workflows, agents, other programs and people, all interleaved by a seed.

Guarantees: what happens is drawn from the seed alone, so a story can be told again exactly. Argo is modelled as far as
it matters to order: attempts as pods, retries by exit code, the exit hook, and the mutex (or, to be harsher, none).
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from steps.cancel import cancel
from steps.context import Context
from steps.errors import Exit, StepError
from steps.fail import fail
from steps.hold import RECORD
from steps.kube import Kube
from steps.reconcile import sweep_once
from steps.record import Record, parse
from steps.settle import settle
from steps.sweep import Sweep
from steps.waiting import SUPERSEDED_BY
from tests.doubles import github as github_double
from tests.doubles.argo_controller import FAILED, PENDING, RUNNING, SUCCEEDED
from tests.doubles.clock import ManualClock
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.scene import DEFAULTS, REPOSITORY, TOKEN, InProcess, Scene, Workflow, submitted
from tests.simulation.outside import TurnClock, TurnTransport, by_turns
from tests.simulation.turns import Killed, Mischief, Turns

BRANCH, TASK = "task-7-work", 7
LABELS = ["ready-for-qa", "task-7", "team-a"]
STATE = {"status": "InProgress", "unknown": [1, {"kept": True}], "counter": 0}
AGENTS = DEFAULTS.namespaces.agents
_ATTEMPTS = 4
MISCHIEF = (Mischief(pause=0, kill=0), Mischief(), Mischief(pause=0.05), Mischief(kill=0.05))
# One call after the other, so that a turn is a call.
SETTINGS = replace(
    DEFAULTS,
    stop=replace(DEFAULTS.stop, parallel=1),
    # So impatient that it meets what is still under way.
    reconcile=replace(DEFAULTS.reconcile, stuck_after_s=20, lost_after_s=10, backoff_s=10, tries=50),
)


@dataclass(slots=True, kw_only=True)
class Story:
    """A task and everything that happens to it."""

    seed: int
    random: Random = field(init=False)
    fate: Random = field(init=False)
    scene: Scene = field(init=False)
    turns: Turns = field(init=False)
    pushes: list[tuple[str, datetime]] = field(default_factory=list)
    workflows: list[Workflow] = field(default_factory=list)
    born: dict[str, dict[str, Any]] = field(default_factory=dict)
    labelled: list[tuple[Record, list[dict[str, Any]]]] = field(default_factory=list)
    at_work: dict[str, Workflow] = field(default_factory=dict)
    repairs: list[Workflow] = field(default_factory=list)
    unmended: list[str] = field(default_factory=list)
    swept: bool = True
    increments: int = 0
    mutex: bool = True
    _held_by: str = ""
    _serial: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.mutex = self.random.random() < 0.5
        ids, self.fate = Random(self.seed + 1), Random(self.seed + 2)
        self.swept = self.fate.random() < 0.7
        clock = ManualClock(tick_s=1.0)
        github = github_double.GitHub(clock=clock.timestamp, sleep=clock.sleep)
        github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress", "skip-automation"])
        github.add_pull_request(head=BRANCH, sha=f"{0:040x}", labels=LABELS)
        github.add_token(TOKEN)
        self.scene = Scene(
            github=github,
            github_url="http://github.invalid",
            clock=clock,
            settings=SETTINGS,
            rules=SETTINGS,
            new_uid=lambda: str(uuid.UUID(int=ids.getrandbits(128), version=4)),
        )
        self.scene.kubelet.choose = self._ending
        metadata = {"name": "task-7-state", "namespace": AGENTS}
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        self.scene.api.create(document | {"data": {"state.json": json.dumps(STATE)}})
        github.plan.action("before", self._witness, method="POST", path="/labels$", times=math.inf)
        self.turns = Turns(random=self.random, clock=clock, mischief=self.random.choice(MISCHIEF))

    def _ending(self, pod: dict[str, Any]) -> Ending:
        """Most agents end when they are told to; how one ends does not change."""
        return Random(pod["metadata"]["uid"]).choices(
            [Ending.AT_ONCE, Ending.AFTER, Ending.IGNORES, Ending.DEAD_NODE], weights=[6, 2, 1, 1]
        )[0]

    # What happens.

    def play(self) -> None:
        """Let everything happen."""
        for _ in range(self.random.randint(0, 3)):
            self._start_agent()
        self.scene.later(2)
        at = 0.0
        for number in range(1, self.random.randint(2, 4) + 1):
            at += self.random.choice([0.3, 1.5, 5, 20, 60])
            self.turns.spawn(f"push-{number}", partial(self._push, number), after_s=at)
        for number in range(self.random.randint(1, 4)):
            self.turns.spawn(f"platform-{number}", self._start_agent, after_s=self.random.uniform(0, at + 40))
        self.turns.spawn("automation", self._automation, after_s=self.random.uniform(0, at))
        self.turns.spawn("person", self._person, after_s=self.random.uniform(0, at + 20))
        if self.swept:
            for number in range(self.fate.randint(1, 4)):
                self.turns.spawn(f"reconcile-{number}", self._reconcile, after_s=self.fate.uniform(0, at + 90))
        self.turns.run()

    def _push(self, number: int) -> None:
        """GitHub takes a push; its webhook comes late, twice, or out of order."""
        sha = f"{number:040x}"
        if number > len(self.pushes):
            self.scene.github.push(BRANCH, sha)
        pushed_at = self.scene.clock.now().replace(microsecond=0)
        self.pushes.append((sha, pushed_at))
        for copy in range(self.random.choice([1, 1, 1, 2])):
            delay_s = self.random.choice([0.0, 0.2, 2.0, 15.0, 50.0])
            self.turns.spawn(f"argo-{number}-{copy}", partial(self._argo, sha, pushed_at), after_s=delay_s)

    def _start_agent(self) -> None:
        self._serial += 1
        agent = self.random.choice([TESS, TESS, CLEO, REX])
        run = self.scene.agent(agent=agent, name=f"run-{self._serial}")
        self.born[run["metadata"]["uid"]] = run

    def _automation(self) -> None:
        """Another program writes the state document and the runs' status."""
        path = ("configmaps", "task-7-state")
        for _ in range(20):
            stored = self.scene.api.get(*path, namespace=AGENTS)
            document = json.loads(stored["data"]["state.json"])
            stored["data"]["state.json"] = json.dumps(document | {"counter": document["counter"] + 1})
            self.scene.api.update(stored)
            self.increments += 1
            for run in self.scene.api.list("coderuns", namespace=AGENTS):
                if self.random.random() < 0.3:
                    name, note = run["metadata"]["name"], {"metadata": {"annotations": {"seen": str(self.increments)}}}
                    self.scene.api.patch("coderuns", name, note, namespace=AGENTS)
            self.turns.give_up("automation", for_s=self.random.uniform(0, 4))

    def _person(self) -> None:
        """Somebody labels the pull request with something else."""
        for label in ("looks-good", "team-b"):
            self.scene.github.edit_labels(1, add=[label])
            self.turns.give_up("labels", for_s=self.random.uniform(0, 20))

    # Argo.

    def _argo(self, sha: str, pushed_at: datetime) -> None:
        """A Workflow, from its creation to its end."""
        workflow = self.scene.workflow(sha=sha, pushed_at=pushed_at)
        self.workflows.append(workflow)
        self._from_wait_to_end(workflow)

    def _from_wait_to_end(self, workflow: Workflow) -> None:
        while self.mutex and not self._may_begin(workflow):
            self.turns.give_up("waits for the mutex", for_s=2)
            if self._phase(workflow) == FAILED:
                return
        self._held_by = workflow.name
        self.scene.argo.mark(workflow.name, RUNNING)
        code = self._attempts(workflow)
        self.scene.argo.mark(workflow.name, SUCCEEDED if code is Exit.DONE else FAILED)
        if self._held_by == workflow.name:
            self._held_by = ""

    def _phase(self, workflow: Workflow) -> str:
        home = self.scene.settings.namespaces.workflows
        found = self.scene.api.get("workflows", workflow.name, namespace=home)
        return str(found.get("status", {}).get("phase") or PENDING)

    def _may_begin(self, workflow: Workflow) -> bool:
        """The newest push of those that wait is next."""
        waiting = [each for each in (*self.workflows, *self.repairs) if self._phase(each) == PENDING]
        return not self._held_by and max(waiting, key=lambda each: each.push.pushed_at) is workflow

    def _attempts(self, workflow: Workflow) -> Exit:
        code: Exit | None = None
        for number in range(_ATTEMPTS):
            code = self._pod(workflow, name=f"{workflow.name}-{number}")
            if code not in (None, Exit.TRY_AGAIN):
                break
            self.turns.give_up("Argo's backoff", for_s=5 * 2**number)
        if code is not Exit.DONE:
            self._run(fail, workflow, pod=f"{workflow.name}-exit")
        return code or Exit.BUG

    def _pod(self, workflow: Workflow, *, name: str) -> Exit | None:
        """One attempt; None if the pod was killed.

        A pod takes more than a second to start (measured: 1.7 s), so the second of its Workflow's watermark, in which a
        run may be created before or after it, is over when a step looks for runs.
        """
        self.turns.give_up("the pod starts", for_s=self.random.uniform(1.1, 3))
        code = self._run(cancel, workflow, pod=name)
        if code is Exit.DONE:
            self.turns.give_up("hand-over", for_s=1)
            code = self._run(settle, workflow, pod=name)
        self.scene.end_pod(name, phase="Succeeded" if code is Exit.DONE else "Failed")
        return code

    def _run(self, step: Callable[[Context], None], workflow: Workflow, *, pod: str) -> Exit | None:
        assert self.turns.current is not None
        self.at_work[self.turns.current.name] = workflow
        try:
            context = self.context(workflow, pod=pod)
            self.turns.mortal(mortal=True)
            step(context)
        except StepError as error:
            self.turns.trace.append(f"{pod}: {step.__name__} ended: {error}")
            return error.exit
        except Killed:
            # Its node takes a while to notice.
            self.turns.mortal(mortal=False)
            self.turns.give_up("the kubelet notices", for_s=self.random.choice([0.5, 3, 40]))
            return None
        finally:
            self.turns.mortal(mortal=False)
        return Exit.DONE

    def context(self, workflow: Workflow, *, pod: str) -> Context:
        """A step's Context whose every call is a turn."""
        plain = self.scene.context(workflow, pod=pod)
        clock = TurnClock(clock=self.scene.clock, turns=self.turns)
        transport = TurnTransport(inner=InProcess(self.scene.api), turns=self.turns)
        kube = Kube(transport=transport, clock=clock, rules=self.scene.settings.kubernetes, random=lambda: 0.5)
        breakers = self.scene.breakers(kube)
        turning = replace(plain, clock=clock, kube=kube, breakers=breakers)
        connect = partial(self._github, context=turning)
        return replace(turning, github=connect)

    # Reconcile.

    def _reconcile(self) -> None:
        """One pass in a pod of its own, and what it submits."""
        assert self.turns.current is not None
        pod = f"{self.turns.current.name}-{len(self.turns.trace)}"
        plain = self.scene.sweep(pod=pod)
        clock = TurnClock(clock=self.scene.clock, turns=self.turns)
        transport = TurnTransport(inner=InProcess(self.scene.api), turns=self.turns)
        kube = Kube(transport=transport, clock=clock, rules=self.scene.settings.kubernetes, random=lambda: 0.5)
        turning = replace(plain, clock=clock, kube=kube, breakers=self.scene.breakers(kube))
        try:
            self.turns.mortal(mortal=True)
            sweep_once(replace(turning, github=partial(self._github, context=turning)))
        except (Killed, StepError) as error:
            self.turns.trace.append(f"{pod}: the pass ended: {error!r}")
        finally:
            self.turns.mortal(mortal=False)
            self.scene.end_pod(pod, phase="Succeeded")
        known = {each.name for each in self.repairs}
        for found in self.scene.repairs():
            repair = submitted(found)
            if repair.name not in known:
                self.repairs.append(repair)
                self.turns.spawn(repair.name, partial(self._from_wait_to_end, repair))

    def _github(self, keep: Callable[[], None], *, context: Context | Sweep) -> Any:  # noqa: ANN401 - a GitHub
        from github import Auth  # noqa: PLC0415

        from steps.github import GitHub  # noqa: PLC0415

        real = GitHub(
            auth=Auth.Token(TOKEN),
            rules=self.scene.settings.github,
            clock=context.clock,
            random=lambda: 0.5,
            keep=keep,
            breaker=context.breakers.github,
        )
        return by_turns(real, double=self.scene.github, turns=self.turns)

    # Afterwards.

    def finish(self) -> None:
        """What a person makes of it once everything else has ended: a failed Workflow of the newest push is retried.

        One that was ended as superseded is not: it says that nothing is left to do.
        """
        newest = max(self.workflows, key=lambda each: each.push.pushed_at)
        self.turns.mischief = Mischief(pause=0, kill=0)
        if self.swept:
            self._sweep_up()
        for number in range(3):
            if self._is_done(newest):
                return
            self.scene.later(60)
            self.turns.spawn(f"retry-{number}", partial(self._pod, newest, name=f"retry-{number}"))
            self.turns.run()

    def _sweep_up(self) -> None:
        """Let reconcile finish what was begun, without anybody's help; what it leaves is noted."""
        for number in range(6):
            self.scene.later(130)
            self.turns.spawn(f"sweep-{number}", self._reconcile)
            self.turns.run()
        home = self.scene.settings.namespaces.workflows
        for lease in self.scene.api.list("leases", namespace=home):
            record = parse(lease["metadata"]["annotations"][RECORD])
            if lease["spec"]["holderIdentity"] or not record.finished:
                self.unmended.append(f"{record.phase}, held by {lease['spec']['holderIdentity'] or 'nobody'}")
        left = [intent.finding.kind for intent in self.scene.reconcile(dry_run=True)]
        self.unmended += [str(kind) for kind in left]

    def _is_done(self, newest: Workflow) -> bool:
        home = self.scene.settings.namespaces.workflows
        record = self.scene.record() if self.scene.api.list("leases", namespace=home) else None
        answered = record is not None and record.finished and record.push.pushed_at >= newest.push.pushed_at
        labels = self.scene.api.get("workflows", newest.name, namespace=home)["metadata"]["labels"]
        return answered or SUPERSEDED_BY in labels

    def mark(self, workflow: Workflow) -> datetime:
        """The latest moment up to which a push can make a run stale."""
        tolerance = timedelta(seconds=self.scene.settings.push.tolerance_s)
        return min(workflow.created_at, workflow.push.pushed_at + tolerance)

    def _witness(self) -> None:
        """Note what is there at the moment at which the Lease's holder is about to add a label."""
        assert self.turns.current is not None
        record = self.scene.record()
        if record.workflow_uid == self.at_work[self.turns.current.name].uid:
            self.labelled.append((record, self.scene.api.list("coderuns", namespace=AGENTS)))
