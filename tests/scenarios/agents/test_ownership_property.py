"""Any web of owners: no push ever costs a kept run, or anything that it owns, and none is called gone too early."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from steps.domain.ownership import find_owned, find_owners
from steps.kube.transport import Json
from tests.doubles import github as github_double
from tests.doubles.clock import ManualClock
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import REX, TESS
from tests.support import ownership
from tests.support.harness import DEFAULTS, REPOSITORY, TOKEN, Scene, Workflow
from tests.support.ownership import TASK_RUNS, give_owners
from tests.support.scenarios import AGENTS, pushed

pytestmark = pytest.mark.timeout(180)

KIND = replace(DEFAULTS.agents[0], owns=(TASK_RUNS, "batch/v1/jobs"))
PLEASE = {"metadata": {"annotations": {"stop": "please"}}}
# What each run is. Those after the push are newer than it.
BEFORE = {"stale": TESS, "exempt": REX, "finished": TESS}
NAMES = ["run-0", "run-1", "run-2", "task-run-0", "task-run-1", "pod-0"]
RESOURCES = ("coderuns", "taskruns", "pods", "jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """Runs, what lies between them, and who owns what.

    Attributes:
        asked: Whether runs are asked to stop. They end at once, and their pods work on.
    """

    runs: Mapping[str, str]
    owners: Mapping[str, set[str]]
    block: bool
    ending: Ending
    asked: bool


SHARED = {"run-0": "stale", "run-1": "newer", "run-2": "finished"}
webs = st.builds(
    Web,
    runs=st.fixed_dictionaries({name: st.sampled_from([*BEFORE, "stale", "newer"]) for name in NAMES[:3]}),
    owners=st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES), max_size=2)),
    block=st.booleans(),
    ending=st.sampled_from([Ending.AT_ONCE, Ending.IGNORES, Ending.DEAD_NODE]),
    asked=st.booleans(),
)


@contextmanager
def a_scene(web: Web) -> Iterator[Scene]:
    """A task with these runs, one push, and what started since; the controllers do not work yet."""
    clock = ManualClock(tick_s=1.0)
    github = github_double.GitHub(clock=clock.timestamp, sleep=clock.sleep)
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress", "skip-automation"])
    github.add_pull_request(head="task-7-work", sha="a" * 40, labels=["ready-for-qa", "task-7"])
    github.add_token(TOKEN)
    with github_double.serve(github) as url:
        scene = Scene(github=github, github_url=url, clock=clock)
        scene.settings = replace(DEFAULTS, agents=(replace(KIND, stop_patch=PLEASE if web.asked else {}),))
        scene.clock.every(lambda: obey(scene))
        scene.kubelet.ending = web.ending
        yield scene


def obey(scene: Scene) -> None:
    """End the runs that were asked to stop."""
    for each in scene.api.list("coderuns", namespace=AGENTS):
        if each["metadata"].get("annotations", {}).get("stop") and each.get("status", {}).get("phase") != "Succeeded":
            done = {"status": {"phase": "Succeeded"}}
            scene.api.patch("coderuns", each["metadata"]["name"], done, namespace=AGENTS, subresource="status")


def set_up(scene: Scene, web: Web) -> Workflow:
    """Make the objects, and then let them own each other."""
    made: dict[str, tuple[str, Json]] = {}
    for name, what in web.runs.items():
        if what != "newer":
            phase = "Succeeded" if what == "finished" else ""
            made[name] = ("coderuns", scene.agent(name=name, agent=BEFORE[what], phase=phase))
    for name in NAMES[3:]:
        is_pod = name.startswith("pod")
        made[name] = ("pods", ownership.pod(scene, name)) if is_pod else ("taskruns", ownership.task_run(scene, name))
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.later(2)
    for name, what in web.runs.items():
        if what == "newer":
            made[name] = ("coderuns", scene.agent(name=name))
    scene.later(3)
    for name, owners in web.owners.items():
        plural, _ = made[name]
        # Pods do not own pods: the steps would find this circle too late.
        possible = [owner for owner in sorted(owners) if not name.startswith("pod") or not owner.startswith("pod")]
        give_owners(scene, plural, name, *(whole(made[owner][1]) for owner in possible), block=web.block)
    return workflow


def whole(obj: Json) -> Json:
    return {"apiVersion": "v1", "kind": "Pod", **obj}


def listed(scene: Scene) -> dict[str, Json]:
    """Every object, by uid."""
    return {each["metadata"]["uid"]: each for plural in RESOURCES for each in scene.api.list(plural, namespace=AGENTS)}


def owners_of(objects: Mapping[str, Json]) -> dict[str, list[str]]:
    return {
        uid: [owner["uid"] for owner in each["metadata"].get("ownerReferences", ())] for uid, each in objects.items()
    }


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(web=webs)
@example(web=Web(runs=SHARED, owners={"pod-0": {"run-0", "run-1"}}, block=False, ending=Ending.IGNORES, asked=True))
@example(
    web=Web(runs=SHARED, owners={"run-1": {"pod-0"}, "pod-0": {"run-0"}}, block=True, ending=Ending.AFTER, asked=False)
)
def test_no_push_costs_a_kept_run_or_what_it_owns_and_none_is_called_gone_too_early(web: Web) -> None:
    with a_scene(web) as scene:
        workflow = set_up(scene, web)
        before = listed(scene)
        owners = owners_of(before)
        runs = {each["metadata"]["uid"]: web.runs[each["metadata"]["name"]] for each in before.values() if is_run(each)}
        code = scene.attempt(workflow)
        at_the_end = listed(scene)
        scene.later(100)
        after = listed(scene)
        kept = {uid for uid, what in runs.items() if what in ("newer", "exempt")}
        # What another run owns is that run's, even if a kept one owns the run.
        theirs = find_owned(kept, owners=owners, barrier=runs.keys())
        lost = {before[uid]["metadata"]["name"] for uid in (kept | theirs) - after.keys()}
        assert lost == set()
        if code is Exit.DONE:
            # What something else owns as well lives on with that, and is the work of no run any more.
            rest = [uid for uid in before.keys() - runs.keys() if not owners[uid]]
            elsewhere = find_owned(rest, owners=owners, barrier=runs.keys())
            ended = (RunOutcome.GONE, RunOutcome.FINISHED)
            gone = {agent.uid for agent in scene.record().agents if agent.outcome in ended}
            left = {uid for uid, each in at_the_end.items() if is_active_pod(each)} & before.keys()
            early = {
                before[uid]["metadata"]["name"]
                for uid in left - theirs - elsewhere
                if (above := find_owners([uid], owners=owners) & runs.keys()) and above <= gone
            }
            assert early == set()
        spared = find_owners(kept, owners=owners)
        stopped = {uid for uid, what in runs.items() if what == "stale"} - spared
        assert code is not Exit.DONE or web.asked or not stopped & after.keys()


def is_run(each: Json) -> bool:
    return str(each.get("kind")) == "CodeRun"


def is_active_pod(each: Json) -> bool:
    return "containers" in each.get("spec", {}) and each.get("status", {}).get("phase") not in ("Succeeded", "Failed")
