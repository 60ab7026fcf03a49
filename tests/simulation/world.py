"""One simulated story of a task: pushes, Workflows, agents, other programs and people, all interleaved by a seed.

Guarantees: what happens is drawn from the seed alone, so a story can be repeated exactly. Webhooks come late, twice,
out of order or never; what is left over at the end is reconcile's to finish.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from steps.core.keys import RECORD
from steps.domain.push import MANUAL_ALL_REASON, MANUAL_REASON, Push
from steps.domain.record import Record, parse_record
from steps.lease.lease_object import lease_name
from tests.doubles import github as github_double
from tests.doubles.clock import ManualClock
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.simulation.argo import Argo
from tests.simulation.turns import Mischief, Turns
from tests.support.harness import DEFAULTS, REPOSITORY, TOKEN, Scene, Workflow
from tests.support.ownership import reference

BRANCH, TASK, NEIGHBOUR = "task-7-work", 7, 8
LABELS = ["ready-for-qa", "task-7", "team-a"]
STATE = {"status": "InProgress", "unknown": [1, {"kept": True}], "counter": 0}
AGENTS = DEFAULTS.namespaces.agents[0]
MISCHIEF = (Mischief(pause=0, kill=0), Mischief(), Mischief(pause=0.05), Mischief(kill=0.05))
# Of a minute each; what is wrong is found after half a minute, and tried again ever more slowly.
_ROUNDS, _QUIET = 25, 2
# One call after the other, so that a turn is a call.
SETTINGS = replace(
    DEFAULTS,
    stop=replace(DEFAULTS.stop, parallel=1),
    # So impatient that reconcile meets what is still under way.
    reconcile=replace(DEFAULTS.reconcile, stuck_after_s=20, lost_after_s=10, backoff_s=10, tries=50),
)


def text_of_record(lease: dict[str, Any]) -> str:
    """The text of a Lease's record; nothing if it was only made to count repairs on."""
    return str((lease["metadata"].get("annotations") or {}).get(RECORD, ""))


def is_ending(obj: dict[str, Any]) -> bool:
    """Whether an object is being deleted."""
    return "deletionTimestamp" in obj["metadata"]


@dataclass(slots=True, kw_only=True)
class Story:
    """A task and everything that happens to it."""

    seed: int
    random: Random = field(init=False)
    scene: Scene = field(init=False)
    turns: Turns = field(init=False)
    pushes: list[tuple[str, datetime]] = field(default_factory=list)
    workflows: list[Workflow] = field(default_factory=list)
    taken_back: set[str] = field(default_factory=set)
    born: dict[str, dict[str, Any]] = field(default_factory=dict)
    born_at: dict[str, int] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    labelled: list[tuple[Record, list[dict[str, Any]]]] = field(default_factory=list)
    at_work: dict[str, Workflow] = field(default_factory=dict)
    noted: list[str] = field(default_factory=list)
    increments: int = 0
    neighbours: int = 0
    argo: Argo = field(init=False)
    _serial: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        ids = Random(self.seed + 1)
        clock = ManualClock(tick_s=1.0)
        github = github_double.GitHub(clock=clock.timestamp, sleep=clock.sleep)
        github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress", "skip-automation"])
        github.add_pull_request(head=BRANCH, sha=f"{0:040x}", labels=LABELS)
        github.add_pull_request(head=f"task-{NEIGHBOUR}-work", sha=f"{0:040x}", labels=["ready-for-qa"])
        github.add_token(TOKEN)
        self.scene = Scene(
            github=github,
            github_url="http://github.invalid",
            clock=clock,
            settings=SETTINGS,
            reconcile_settings=SETTINGS,
            new_uid=lambda: str(uuid.UUID(int=ids.getrandbits(128), version=4)),
        )
        self.scene.kubelet.choose = self._ending
        metadata = {"name": "task-7-state", "namespace": AGENTS}
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        self.scene.api.create(document | {"data": {"state.json": json.dumps(STATE)}})
        github.plan.action("before", self._witness, method="POST", path="/issues/1/labels$", times=math.inf)
        self.turns = Turns(random=self.random, clock=clock, mischief=self.random.choice(MISCHIEF))
        self.argo = Argo(story=self, mutex=self.random.choice([True, False]))

    def _ending(self, pod: dict[str, Any]) -> Ending:
        """Most agents end when they get SIGTERM; how one ends does not change."""
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
            self.turns.spawn(f"push-{number}", self._push, after_s=at)
        for number in range(self.random.randint(0, 3)):
            after_s = self.random.uniform(0, at + 100)
            self.turns.spawn(f"reconcile-{number}", partial(self.argo.reconcile, f"pass-{number}"), after_s=after_s)
        for number in range(self.random.randint(1, 4)):
            self.turns.spawn(f"platform-{number}", self._start_agent, after_s=self.random.uniform(0, at + 40))
        self.turns.spawn("automation", self._automation, after_s=self.random.uniform(0, at))
        # Drawn apart, so that a story with a neighbour is otherwise the same.
        chance = Random(f"{self.seed} neighbour")
        if chance.random() < 1 / 2:
            self.turns.spawn("neighbour", self._neighbour, after_s=chance.uniform(0, at + 5))
        self.turns.spawn("person", self._person, after_s=self.random.uniform(0, at + 20))
        chance = Random(f"{self.seed} laptop")
        for number in range(chance.choice([0, 0, 1, 2])):
            after_s = chance.uniform(1, at + 100)
            self.turns.spawn(f"laptop-{number}", partial(self._submit, chance), after_s=after_s)
        self._delay_labels(at)
        self.turns.run()

    def _delay_labels(self, at: float) -> None:
        """The pull request is opened after its pushes, or has a person's skip label for a while."""
        # Drawn apart, so that the other stories stay as they are.
        random = Random(self.seed + 2)
        why, after_s = random.choice(["", "", "", "not open", "skip label"]), random.uniform(0, at + 120)
        github, skip = self.scene.github, self.scene.settings.labels.skip
        if why == "not open":
            github.close(1)
            self.turns.spawn("opens", partial(github.reopen, 1), after_s=after_s)
        elif why:
            github.edit_labels(1, add=[skip])
            self.turns.spawn("goes on", partial(github.edit_labels, 1, remove=[skip]), after_s=after_s)

    def _push(self) -> None:
        """GitHub takes a push; its webhook comes late, twice, out of order, or never."""
        # Numbered as they come: of two that are due at once, either may be the first.
        number = len(self.pushes) + 1
        # Not the pull request's head: it stays where it was while the pull request is closed.
        before = self.pushes[-1][0] if self.pushes else self.scene.github.pull_request(1).head_sha
        sha = self._next_commit(number)
        self.scene.github.push(BRANCH, sha, forced=sha in dict(self.pushes))
        pushed_at = self.scene.clock.now().replace(microsecond=0)
        self.pushes.append((sha, pushed_at))
        for copy in range(self.random.choice([0, 1, 1, 1, 1, 1, 2, 2])):
            delay_s = self.random.choice([0.0, 0.2, 2.0, 15.0, 50.0])
            deliver = partial(self.argo.deliver, sha, pushed_at, before=before)
            self.turns.spawn(f"argo-{number}-{copy}", deliver, after_s=delay_s)

    def _next_commit(self, number: int) -> str:
        """A new commit. In one story of four, the branch is forced back once, to the commit before the last one.

        Not twice: the same commits replaced each other again then, which counts as the first push
        (docs/decisions/0001-watermark.md).
        """
        # Drawn apart, so that the other stories stay as they are.
        chance = Random(f"{self.seed} goes back")
        if chance.random() < 1 / 4 and number == chance.choice([3, 4]) and len(self.pushes) > 1:
            return self.pushes[-2][0]
        return f"{number:040x}"

    def number_of(self, push: Push, *, until: datetime) -> int:
        """The number of a push, or of the latest one of its commit by then: a request has a time of its own."""
        of_commit = [number for number, (sha, at) in enumerate(self.pushes) if sha == push.sha and at <= until]
        return next((each for each in of_commit if self.pushes[each][1] == push.pushed_at), of_commit[-1])

    def _neighbour(self) -> None:
        """A push to another task, with nothing to stop. Its pod helps this task, and this task's pods help it."""
        self.neighbours += 1
        self.scene.github.push(f"task-{NEIGHBOUR}-work", f"{1:040x}")
        self.argo.deliver(f"{1:040x}", self.scene.clock.now().replace(microsecond=0), task=NEIGHBOUR)

    def _submit(self, chance: Random) -> None:
        """A person submits the head, and may say that newer runs are included. The laptop's clock may be wrong."""
        if self.pushes:
            (sha, _), reason = self.pushes[-1], chance.choice([MANUAL_REASON, MANUAL_ALL_REASON])
            at = self.scene.clock.now() + timedelta(seconds=chance.choice([-300, 0, 25]))
            self.argo.request(sha, at=at, reason=reason)

    def written_leases(self, task: str = str(TASK)) -> Iterator[dict[str, Any]]:
        """The Leases of a task as they were written, the latest last."""
        for call in self.scene.api.calls:
            written = "/leases" in call.path and call.method in ("POST", "PUT") and call.status < 300
            if written and f"-task-{task}-" in call.body["metadata"]["name"]:
                yield call.body

    def written_records(self, task: str = str(TASK)) -> Iterator[Record]:
        """The records in these Leases."""
        return (parse_record(text) for lease in self.written_leases(task) if (text := text_of_record(lease)))

    def holder(self, workflow: Workflow) -> str:
        """The holder of the Lease of a Workflow's task; empty if there is none."""
        lease = lease_name(repository=workflow.push.repository, task=workflow.push.task)
        home = self.scene.settings.namespaces.workflows
        found = self.scene.api.find("leases", lease, namespace=home)
        return str(found["spec"].get("holderIdentity") or "") if found else ""

    def _start_agent(self) -> None:
        self._serial += 1
        agent = self.random.choice([TESS, TESS, CLEO, REX])
        self.bear(f"run-{self._serial}", agent=agent, owners=self._parents())

    def _parents(self) -> list[dict[str, Any]]:
        """One agent in three is started by another one, which then owns it: directly, or by its Job."""
        chance = Random(f"{self.seed} {self._serial}")
        possible = [each for each in self.scene.api.list("coderuns", namespace=AGENTS) if not is_ending(each)]
        if not possible or chance.random() > 1 / 3:
            return []
        parent = chance.choice(possible)
        return [self.owner_of_its_runs(parent, by_job=chance.random() < 1 / 2)]

    def owner_of_its_runs(self, run: dict[str, Any], *, by_job: bool) -> dict[str, Any]:
        """What owns the runs that a run starts: its Job, if it has one and that is wanted, or the run itself."""
        name = run.get("status", {}).get("jobName", "")
        job = self.scene.api.find("jobs", name, namespace=AGENTS) if name and by_job else None
        return run if job is None or is_ending(job) else job

    def bear(self, name: str, *, agent: str, owners: list[dict[str, Any]]) -> None:
        """Start an agent that these objects own."""
        run = self.scene.agent(agent=agent, name=name, owners=[reference(owner) for owner in owners])
        self.born[run["metadata"]["uid"]] = run
        self.born_at[run["metadata"]["uid"]] = len(self.turns.trace)
        for owner in owners:
            # A Job's owner is the run.
            above = owner["metadata"].get("ownerReferences") if owner["kind"] == "Job" else None
            self.parents[name] = above[0]["name"] if above else owner["metadata"]["name"]

    def ancestors(self, name: str) -> set[str]:
        """Names of the runs that own this one, directly or not."""
        found: set[str] = set()
        while (name := self.parents.get(name, "")) and name not in found:
            found.add(name)
        return found

    def _automation(self) -> None:
        """Another program writes the state document and the runs' status."""
        for _ in range(20):
            self.write_state()
            for run in self.scene.api.list("coderuns", namespace=AGENTS):
                if self.random.random() < 0.3:
                    name, note = run["metadata"]["name"], {"metadata": {"annotations": {"seen": str(self.increments)}}}
                    self.scene.api.patch("coderuns", name, note, namespace=AGENTS)
            self.turns.give_up("automation", for_s=self.random.uniform(0, 4))

    def write_state(self) -> None:
        """Another program changes a field that is its own, by compare-and-swap."""
        stored = self.scene.api.get("configmaps", "task-7-state", namespace=AGENTS)
        document = json.loads(stored["data"]["state.json"])
        stored["data"]["state.json"] = json.dumps(document | {"counter": document["counter"] + 1})
        self.scene.api.update(stored)
        self.increments += 1

    def _person(self) -> None:
        """Somebody labels the pull request with something else."""
        for label in ("looks-good", "team-b"):
            self.scene.github.edit_labels(1, add=[label])
            self.turns.give_up("labels", for_s=self.random.uniform(0, 20))

    # Afterwards.

    def finish(self) -> None:
        """What reconcile makes of it once everything else has ended, without any more mischief."""
        self.turns.mischief = Mischief(pause=0, kill=0)
        quiet = 0
        for number in range(_ROUNDS):
            self.scene.later(61)
            self.turns.spawn(f"last-reconcile-{number}", partial(self.argo.reconcile, f"last-{number}"))
            self.turns.run()
            quiet = 0 if self.argo.found else quiet + 1
            if quiet == _QUIET:
                return
        self.noted.append("reconcile comes to rest")

    def watermark(self, workflow: Workflow) -> datetime:
        """The latest moment up to which a push can make a run stale; all servers have one clock here."""
        if workflow.push.includes_newer:
            return workflow.created_at - timedelta(seconds=1)
        return min(workflow.created_at, self.pushed_at(workflow))

    def pushed_at(self, workflow: Workflow) -> datetime:
        """When GitHub took the push of a Workflow; a person's request has the time of a laptop."""
        return dict(self.pushes)[workflow.push.sha] if workflow.push.is_request else workflow.push.pushed_at

    def _witness(self) -> None:
        """Note what is there at the moment at which the Lease's holder is about to add a label."""
        assert self.turns.current is not None
        settings = self.scene.settings.labels
        if not {settings.add, settings.remove} & set(self.scene.github.labels(1)):
            self.noted.append("a pull request has one of the two labels at any time")
        record = self.scene.record()
        worker = self.at_work[self.turns.current.name]
        if worker.uid == record.workflow_uid or worker.name == record.helper:
            self.labelled.append((record, self.scene.api.list("coderuns", namespace=AGENTS)))
