"""The scenes. Each prepares the real cluster and types the commands of a person.

Guarantees that a scene repairs what it broke before the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines import names
from steps.domain.push import Repository
from steps.domain.task_id import TaskId
from steps.lease.lease_object import lease_name
from tests.doubles.github import fail
from tests.doubles.platform.client import MERGE_PATCH
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.e2e.support.installation import MANAGED_BY, scheduled, suspend
from tests.e2e.support.moments import in_cancel, next_second
from tests.e2e.support.stage import Stage
from tests.e2e.support.task import REPOSITORY
from tests.tools.captures.newcomer import newcomer
from tests.tools.captures.terminal import Terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture."""

    name: str
    title: str
    caption: str
    play: Callable[[Stage, Terminal], None]


def _install(stage: Stage, terminal: Terminal) -> None:
    terminal.type("kubectl apply -k rendered")
    terminal.type(f"kubectl get workflowtemplates,cronworkflows -n {stage.home}")


def _doctor(stage: Stage, terminal: Terminal) -> None:
    with scheduled(stage.cluster.kubectl, stage.cluster.settings):
        terminal.type('agent-cancellation doctor; echo "exit code $?"')


@contextmanager
def _without_secret(stage: Stage) -> Iterator[None]:
    """Remove the webhook secret until the context ends."""
    path = f"/api/v1/namespaces/{stage.cluster.settings.namespaces.events}/secrets"
    name = stage.cluster.settings.events.webhook_secret
    found = stage.client.ask("GET", f"{path}/{name}")
    stage.client.ask("DELETE", f"{path}/{name}")
    try:
        yield
    finally:
        stage.client.ask("POST", path, {**found, "metadata": {"name": name}})


def _broken(stage: Stage, terminal: Terminal) -> None:
    with scheduled(stage.cluster.kubectl, stage.cluster.settings), _without_secret(stage):
        terminal.type('agent-cancellation doctor; echo "exit code $?"')


def _agents(stage: Stage) -> None:
    """Start three agents. One of them implements, so it is kept."""
    for agent, name in ((TESS, "tess-tests"), (CLEO, "cleo-quality"), (REX, "rex-implements")):
        stage.agent(agent, name=f"{name}-{stage.task}")
    next_second()


def _push(stage: Stage, terminal: Terminal) -> None:
    _agents(stage)
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    stage.finished(delivery)
    terminal.type(f"agent-cancellation status {stage.task}")
    terminal.type(f"agent-cancellation explain {stage.task}")


def _submit(stage: Stage, terminal: Terminal) -> None:
    _agents(stage)
    stage.push()  # its webhook never comes
    terminal.type(f"agent-cancellation submit --task {stage.task} --dry-run")
    terminal.type(f'agent-cancellation submit --task {stage.task}; echo "exit code $?"')


def _events(stage: Stage, terminal: Terminal) -> None:
    _agents(stage)
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    stage.finished(delivery)
    lease = lease_name(repository=Repository(REPOSITORY), task=TaskId(str(stage.task)))
    terminal.type(f"kubectl events -n {stage.home} --for lease/{lease}")
    terminal.type(f"argo list -n {stage.home} -l {names.TASK_LABEL}={stage.task}")


def _reconcile(stage: Stage, terminal: Terminal) -> None:
    path = f"/api/v1/namespaces/{stage.agents}/configmaps/task-{stage.task}-state"
    stage.client.ask("PATCH", path, {"data": {"state.json": "{half a docu"}}, content_type=MERGE_PATCH)
    terminal.type("agent-cancellation reconcile --dry-run")
    stage.client.ask("DELETE", path)


def _busy(stage: Stage, terminal: Terminal) -> None:
    in_cancel(stage)
    terminal.type(f"agent-cancellation status {stage.task}")
    stage.all_ended()


def _retry(stage: Stage, terminal: Terminal) -> None:
    _agents(stage)
    stage.github.fault(fail(401), method="GET", path="/pulls$")
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    name = stage.finished(delivery)["metadata"]["name"]
    terminal.type(f"agent-cancellation explain {stage.task}")
    terminal.type(f"argo retry -n {stage.home} {name} --wait")
    terminal.type(f"agent-cancellation status {stage.task}")


def _remove(stage: Stage, terminal: Terminal) -> None:
    terminal.type("kubectl delete -k rendered | tail -n 3")
    terminal.type(f"kubectl get leases,workflowtemplates,sensors -A -l {MANAGED_BY} | head -n 5")
    terminal.type("kubectl apply -k rendered | tail -n 3")
    suspend(stage.cluster.kubectl, stage.cluster.settings, suspended=True)


SCENES = (
    Scene(
        name="newcomer",
        title="From an empty folder to a stopped agent",
        caption=(
            "Argo, its EventBus and the image are there. The wheel is installed into an empty environment. The last "
            "line is the time of all commands together, typed without a pause."
        ),
        play=newcomer,
    ),
    Scene(
        name="install",
        title="Apply the manifests again",
        caption="A second `kubectl apply` changes nothing.",
        play=_install,
    ),
    Scene(
        name="doctor",
        title="Check the installation",
        caption="Each line is one check. A failed check has its fix.",
        play=_doctor,
    ),
    Scene(
        name="doctor-broken",
        title="A missing webhook secret",
        caption="The failed check names the problem and the command that fixes it. Scripts read the exit code.",
        play=_broken,
    ),
    Scene(
        name="busy",
        title="While an agent is stopping",
        caption="A push has arrived. The stale agent was asked to stop and has not ended yet.",
        play=_busy,
    ),
    Scene(
        name="push",
        title="Which agents did my push stop, and why?",
        caption="After a push: the state of the task's cancellation, and why each agent was stopped or kept.",
        play=_push,
    ),
    Scene(
        name="submit",
        title="Submit a push by hand",
        caption="The webhook of a push was lost. `submit` replaces it: first as a dry run, then for real.",
        play=_submit,
    ),
    Scene(
        name="events",
        title="Events and Workflows in the cluster",
        caption="The Events on the task's Lease, and the task's Workflow.",
        play=_events,
    ),
    Scene(
        name="reconcile",
        title="Preview reconcile",
        caption="A task's state document is malformed. The dry run writes nothing.",
        play=_reconcile,
    ),
    Scene(
        name="retry",
        title="Retry after a refused token",
        caption="GitHub refused the token: no agent was stopped. With a new token, `argo retry` finishes the Workflow.",
        play=_retry,
    ),
    Scene(
        name="remove",
        title="Remove and install again",
        caption="The Leases and their records stay. A later installation continues with them.",
        play=_remove,
    ),
)
