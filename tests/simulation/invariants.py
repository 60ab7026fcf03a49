"""The invariants of every story, in any order of events, judged from the doubles' records.

Guarantees: judged by what reached the API server and GitHub and by the world at the end, not by what the steps say of
themselves.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from steps.cancellation.state_document import IN_PROGRESS_FLAG
from steps.cancellation.state_update import STATE_EPOCH
from steps.cancellation.workflow import SUPERSEDED_BY
from steps.core.clock import parse_time
from steps.domain.record import LabelOutcome, Phase
from steps.domain.watermark import RESOLUTION_S
from steps.pull_request.clock_comparison import CLOCK_S
from tests.doubles.kubernetes import Call
from tests.doubles.platform.runs import REX
from tests.simulation.world import AGENTS, NEIGHBOUR, STATE, TASK, Story, text_of_record

FINISHED = ("Succeeded", "Failed")
# A line of the trace: who, and what it does.
_LINE = re.compile(r"([\w-]+)(?:: | is )(.*)")
_COMMENT = "GitHub POST /repos/5dlabs/cto/issues/1/comments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One invariant that does not hold."""

    invariant: str
    what: str


def always(story: Story) -> list[Broken]:
    """What does not hold of what holds at any time."""
    noted = [Broken(invariant="as it happened", what=what) for what in story.noted]
    return noted + [found for check in (_deletions, _owned, _epochs, _fences, _places) for found in check(story)]


def broken(story: Story) -> list[Broken]:
    """Everything that does not hold at the end of a story."""
    checks = [_lost, _state, _neighbour]
    leases = story.scene.api.list("leases", namespace=story.scene.settings.namespaces.workflows)
    if any(text_of_record(lease) for lease in leases if f"-task-{TASK}-" in lease["metadata"]["name"]):
        checks += [_gone, _labels, _commented, _ended]
    return always(story) + [found for check in checks for found in check(story)]


def _writes(story: Story, method: str, part: str) -> Iterator[Call]:
    """Requests that took effect; one whose answer was lost did."""
    for call in story.scene.api.calls:
        if call.method == method and part in call.path and call.status < 300:
            yield call


def _deletions(story: Story) -> Iterator[Broken]:
    """1: no newer, exempt or finished run is ever deleted by a step, nor one that it has not judged."""
    for call in _writes(story, "DELETE", "/coderuns/"):
        preconditions = call.body.get("preconditions", {})
        if set(preconditions) != {"uid", "resourceVersion"}:
            yield Broken(invariant="a delete says which run it means, as it was judged", what=call.path)
            continue
        uid = preconditions["uid"]
        run = story.born[uid]
        if run["spec"]["githubApp"] == REX:
            yield Broken(invariant="no exempt run is deleted", what=call.path)
        if _created(run) > max(map(story.watermark, story.workflows)):
            yield Broken(invariant="no run newer than every watermark is deleted", what=call.path)


def _places(story: Story) -> Iterator[Broken]:
    """No Workflow that a step ended keeps its place in the mutex's queue. Those behind it would never begin."""
    ended = {call.path.rpartition("/")[2] for call in _writes(story, "PATCH", "/workflows/") if _terminates(call)}
    for name in ended.intersection(story.scene.argo.abandoned()):
        yield Broken(invariant="a Workflow that a step ended leaves its place in the mutex's queue", what=name)


def _terminates(call: Call) -> bool:
    return "spec" in call.body and SUPERSEDED_BY in call.body["metadata"]["labels"]


def _owned(story: Story) -> Iterator[Broken]:
    """1: no newer or exempt run dies with its owner, unless it was born after the deleter had listed the runs."""
    left = {run["metadata"]["uid"] for run in story.scene.api.list("coderuns", namespace=AGENTS)}
    newest = max(map(story.watermark, story.workflows), default=None)
    for uid, run in story.born.items():
        if uid in left or newest is None or (run["spec"]["githubApp"] != REX and _created(run) <= newest):
            continue
        owners = story.ancestors(run["metadata"]["name"])
        if owner := _deleted_knowingly(owners, since=story.born_at[uid], trace=story.turns.trace):
            yield Broken(invariant="no kept run dies with its owner", what=f"{run['metadata']['name']} of {owner}")


def _deleted_knowingly(owners: Iterable[str], *, since: int, trace: list[str]) -> str:
    """The owner that somebody deleted who had listed the runs after this moment; nothing if another went before."""
    informed: set[str] = set()
    deletes = {f"DELETE {AGENTS}/coderuns/{owner}": owner for owner in owners}
    for actor, what in (match.groups() for line in trace[since:] if (match := _LINE.match(line))):
        if what == f"GET {AGENTS}/coderuns":
            informed.add(actor)
        elif what in deletes and actor in informed:
            return deletes[what]
        elif what.removesuffix(" -> 200") in deletes and what not in deletes and actor not in informed:
            return ""
    return ""


def _is_owner_of_kept(story: Story, run: dict[str, Any], *, among: Iterable[dict[str, Any]], until: datetime) -> bool:
    """Whether a stale run owns one that is not stale: it goes on with its work as long as that one exists."""
    return any(
        run["metadata"]["name"] in story.ancestors(each["metadata"]["name"])
        for each in among
        if each["spec"]["githubApp"] == REX or _created(each) > until
    )


def _created(run: dict[str, Any]) -> datetime:
    return parse_time(run["metadata"]["creationTimestamp"])


def _gone(story: Story) -> Iterator[Broken]:
    """2: every stale run is gone, with its pods."""
    record = story.scene.record()
    left = {run["metadata"]["uid"]: run for run in story.scene.api.list("coderuns", namespace=AGENTS)}
    for uid, run in left.items():
        finished = run.get("status", {}).get("phase") in FINISHED
        is_stale = run["spec"]["githubApp"] != REX and _created(run) <= record.watermark and not finished
        if is_stale and not _is_owner_of_kept(story, run, among=left.values(), until=record.watermark):
            yield Broken(invariant="every stale run is gone", what=f"{run['metadata']['name']} {uid}")
    jobs = {job["metadata"]["uid"]: job for job in story.scene.api.list("jobs", namespace=AGENTS)}
    for pod in story.scene.api.list("pods", namespace=AGENTS):
        owners = [jobs.get(each["uid"]) for each in pod["metadata"].get("ownerReferences", ())]
        runs = [each["uid"] for job in owners if job for each in job["metadata"].get("ownerReferences", ())]
        if not set(runs) & set(left) and pod["status"].get("phase") not in FINISHED:
            yield Broken(invariant="every stale run's pods are gone", what=pod["metadata"]["name"])


def _lost(story: Story) -> Iterator[Broken]:
    """2: also if the push's webhook never came."""
    # Undecidable for a run that was created within the resolution of the clocks and of their comparison.
    newest = max(pushed_at for _, pushed_at in story.pushes) - timedelta(seconds=RESOLUTION_S + CLOCK_S)
    runs = story.scene.api.list("coderuns", namespace=AGENTS)
    for run in runs:
        finished = run.get("status", {}).get("phase") in FINISHED
        is_stale = run["spec"]["githubApp"] != REX and _created(run) <= newest and not finished
        if is_stale and not _is_owner_of_kept(story, run, among=runs, until=newest):
            yield Broken(invariant="no run outlives the newest push", what=run["metadata"]["name"])


def _epochs(story: Story) -> Iterator[Broken]:
    """3: an epoch has one holder, and epochs only rise."""
    holders: dict[int, set[str]] = defaultdict(set)
    last = 0
    for lease in story.written_leases():
        epoch, holder = lease["spec"]["leaseTransitions"], lease["spec"]["holderIdentity"]
        if epoch < last:
            yield Broken(invariant="epochs only rise", what=f"{epoch} after {last}")
        last = max(last, epoch)
        if holder:
            holders[epoch].add(holder)
    for epoch, found in holders.items():
        if len(found) > 1:
            yield Broken(invariant="an epoch has one holder", what=f"{epoch}: {sorted(found)}")


def _fences(story: Story) -> Iterator[Broken]:
    """3: the watermark never goes back, and neither does the state's epoch."""
    marks = [record.watermark for record in story.written_records()]
    if marks != sorted(marks):
        yield Broken(invariant="the watermark never goes back", what=str(marks))
    states = [call.body["metadata"].get("annotations", {}).get(STATE_EPOCH) for call in _writes(story, "PUT", "-state")]
    epochs = [int(epoch) for epoch in states if epoch]
    if epochs != sorted(epochs):
        yield Broken(invariant="the state's epoch never goes back", what=str(epochs))


def _labels(story: Story) -> Iterator[Broken]:
    """4: labels move only once the stale runs are gone, they end right, and what else is on the pull request stays."""
    for at_that_time, runs in story.labelled:
        for run in runs:
            finished = run.get("status", {}).get("phase") in FINISHED
            mark = at_that_time.watermark
            is_stale = run["spec"]["githubApp"] != REX and not finished and _created(run) <= mark
            if is_stale and not _is_owner_of_kept(story, run, among=runs, until=mark):
                yield Broken(invariant="labels move after the stale runs are gone", what=run["metadata"]["name"])
    labels, record = set(story.scene.github.labels(1)), story.scene.record()
    if not {"task-7", "team-a", "team-b", "looks-good"} <= labels:
        yield Broken(invariant="unrelated labels are untouched", what=str(sorted(labels)))
    right = "remediation-in-progress" in labels and "ready-for-qa" not in labels
    if record.labels is LabelOutcome.MOVED and not right:
        yield Broken(invariant="labels that were moved are right", what=str(sorted(labels)))
    if record.push.sha == story.scene.github.pull_request(1).head_sha and record.labels is not LabelOutcome.MOVED:
        yield Broken(invariant="the head's labels are moved", what=str(record.labels))


def _commented(story: Story) -> Iterator[Broken]:
    """One comment at most, which is of the last push unless it is said that it is not.

    GitHub knows no fence: a pod that stood still for longer than its hold, just when it sent a comment, may make a
    second one. It then finds that it has lost its hold, unless it dies before.
    """
    comments, record = story.scene.github.comments(1), story.scene.record()
    stood_still = "LockLostError" in story.scene.output.getvalue() or _paused_at(_COMMENT, trace=story.turns.trace)
    if len(comments) > 1 and not stood_still:
        yield Broken(invariant="there is one comment", what=str(comments))
    excused = "could not update the pull request's comment" in story.scene.output.getvalue()
    current = any(f"push {record.push.sha[:12]}" in each.body for each in comments)
    if record.labels is LabelOutcome.MOVED and not current and not excused:
        yield Broken(invariant="the comment is of the last push", what=str(comments))


def _paused_at(call: str, *, trace: Iterable[str]) -> bool:
    """Whether a process stood still during this call."""
    doing: dict[str, str] = {}
    for actor, what in (match.groups() for line in trace if (match := _LINE.match(line))):
        if not what.startswith("paused"):
            doing[actor] = what
        elif doing.get(actor) == call:
            return True
    return False


def _state(story: Story) -> Iterator[Broken]:
    """5: what others write into the state survives, and the flag is down."""
    stored = story.scene.api.get("configmaps", "task-7-state", namespace=AGENTS)
    document = json.loads(stored["data"]["state.json"])
    if document["unknown"] != STATE["unknown"] or document["counter"] != story.increments:
        yield Broken(invariant="unknown state survives", what=f"{document} after {story.increments} increments")
    if document.get(IN_PROGRESS_FLAG):
        yield Broken(invariant="the flag is down at the end", what=str(document))


def _neighbour(story: Story) -> Iterator[Broken]:
    """4, 7: a push to another task ends as it would alone, whichever pod processed it."""
    own = [each for each in story.workflows if each.push.task == str(NEIGHBOUR)]
    if not own or any(each.name in story.taken_back for each in own):
        return
    record = story.scene.record(task=NEIGHBOUR)
    if (record.phase, record.labels) != (Phase.COMPLETED, LabelOutcome.MOVED) or story.holder(own[0]):
        yield Broken(invariant="the neighbour's push is finished", what=f"{record.phase}, {record.labels}")


def _ended(story: Story) -> Iterator[Broken]:
    """7: the Lease is free, the record final, and it is the newest push's."""
    lease, record = story.scene.lease(), story.scene.record()
    if lease["spec"]["holderIdentity"]:
        yield Broken(invariant="the Lease is free", what=lease["spec"]["holderIdentity"])
    if record.phase is not Phase.COMPLETED:
        yield Broken(invariant="the record is final", what=f"{record.phase}: {record.errors}")
    # Another one may have worked for a push before it was taken back.
    own = (each for each in story.workflows if each.push.task == str(TASK))
    counted = (each for each in own if each.name not in story.taken_back)
    newest = max((story.number_of(each.push, until=each.created_at) for each in counted), default=0)
    last = story.number_of(record.push, until=story.scene.clock.now())
    if last < newest and record.push.sha != story.scene.github.pull_request(1).head_sha:
        yield Broken(invariant="the newest push has the last word", what=str(record.push))
    unproven = [agent.name for agent in record.agents if agent.unproven]
    if unproven:
        yield Broken(invariant="every agent is proven gone", what=str(unproven))
