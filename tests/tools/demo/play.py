"""The play on doubles: a cluster and a GitHub, one task in QA, and one push that makes its agents stale.

Guarantees: the Workflow is the one that the rendered Sensor makes of the signed webhook, and each container runs as a
process with the rendered command and environment. Argo's own part (queue, pods, timing) is not played.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines import names
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import write_files
from pipelines.settings import read_settings
from steps.core.keys import RECORD
from steps.domain.push import Repository
from steps.domain.task_id import TaskId
from steps.lease.lease_object import lease_name
from tests.doubles import github as github_double
from tests.doubles.argo_events import Dropped, EventSource, Rejection, Sensor
from tests.doubles.argo_workflows import Argo
from tests.doubles.kubernetes import ApiServer, Call, serve, write_kubeconfig
from tests.doubles.platform.client import Client
from tests.doubles.platform.controller import Controller
from tests.doubles.platform.crd import CRD
from tests.doubles.platform.job_controller import JobController
from tests.doubles.platform.kubelet import Ending, Kubelet
from tests.doubles.platform.platform import put_run
from tests.doubles.platform.running import running
from tests.doubles.platform.runs import CLEO, REX, TESS, agent_run
from tests.support.doubt import wait_out_doubt
from tests.support.settings_files import write_settings
from tests.tools.demo.outcome import LEFT, STALE, Moment, Outcome, State, said
from tests.tools.demo.webhook import push_webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.doubles.argo_workflows import Process

REPOSITORY, TASK, BRANCH = "5dlabs/cto", 7, "task-7-fix-login"
OLD, NEW = "0ddba11" + "0" * 33, "5ca1ab1e" + "0" * 32
SECRET, TOKEN = "a webhook secret", "ghs_demo"
READY_S = 20.0


def _stage(api: ApiServer, github: github_double.GitHub, *, settings: Any, folder: Path) -> list[dict[str, Any]]:  # noqa: ANN401 - a settings tree
    """Install the rendered manifests as `kubectl apply -k` would; return them."""
    write_files(render_files(settings), output=folder)
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    manifests = [yaml.safe_load((folder / path).read_text()) for path in listed]
    for manifest in manifests:
        api.create(manifest)
    state = {"status": "InProgress", "iteration": 2, "cancellation_in_progress": False}
    metadata = {"name": settings.state.config_map.format(task=TASK), "namespace": settings.namespaces.agents[0]}
    data = {settings.state.key: json.dumps(state)}
    api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress", "task-7"])
    github.add_pull_request(head=BRANCH, sha=OLD, labels=["ready-for-qa", "task-7"], title="Fix the login")
    github.add_token(TOKEN)
    return manifests


def _agents(client: Client, namespace: str) -> State:
    found = client.ask("GET", f"/apis/agents.platform/v1/namespaces/{namespace}/coderuns")["items"]
    return {
        run["metadata"]["name"]: (run["spec"]["githubApp"], run.get("status", {}).get("phase", "new")) for run in found
    }


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the doubles did not get ready")
        time.sleep(0.02)


def play(folder: Path, *, progress: Callable[[str], None]) -> Outcome:
    """Play one push.

    Args:
        folder: An empty folder for manifests, kubeconfig and the mounted secret.
        progress: Called with what is happening, for a person who waits.
    """
    with ExitStack() as stack:
        github = github_double.GitHub()
        github_url = stack.enter_context(github_double.serve(github))
        settings = read_settings(
            write_settings(
                folder, {'"https://api.github.com"': f'"{github_url}"', "hosts = []": 'hosts = ["github.com"]'}
            )
        )
        spaces = settings.namespaces
        api = ApiServer(namespaces=("default", spaces.workflows, spaces.agents[0], spaces.events))
        url = stack.enter_context(serve(api))
        api.create(CRD)
        progress("rendering the manifests and applying them")
        staged = _stage(api, github, settings=settings, folder=folder / "rendered")
        manifests = {each["kind"]: each for each in staged if each["metadata"]["name"] != names.RECONCILE}
        client = Client(url=url)
        kubelet = Kubelet(client=client, namespace=spaces.agents[0], ending=Ending.AFTER, exit_after_s=1.0)
        platform = (
            Controller(client=client, namespace=spaces.agents[0]),
            JobController(client=client, namespace=spaces.agents[0]),
            kubelet,
        )
        stack.enter_context(running(*platform))

        progress("starting the agents")

        def start(agent: str, name: str) -> None:
            repository = f"https://github.com/{REPOSITORY}"
            put_run(
                client, agent_run(task=TASK, agent=agent, name=name, repository=repository, namespace=spaces.agents[0])
            )

        for agent, name in ((TESS, STALE[0]), (CLEO, STALE[1]), (REX, LEFT[0])):
            start(agent, name)
        started = time.time()
        _until(lambda: {phase for _, phase in _agents(client, spaces.agents[0]).values()} == {"Running"})

        wait_out_doubt(started)
        progress("pushing a fix")
        api.calls.clear()
        began = time.time()
        github.push(BRANCH, NEW)
        workflow = _deliver(manifests, api=api, pushed_at=int(began))
        _until(lambda: int(time.time()) > int(began) + 1)
        start(TESS, LEFT[1])
        _until(lambda: _agents(client, spaces.agents[0]).get(LEFT[1], ("", ""))[1] == "Running")
        before, labels_before = _agents(client, spaces.agents[0]), github.labels(1)

        progress("running the steps")
        mount = folder / "github"
        mount.mkdir()
        (mount / "token").write_text(TOKEN)
        argo = Argo(
            template=manifests["WorkflowTemplate"],
            client=client,
            environment={
                "KUBECONFIG": str(write_kubeconfig(folder / "kubeconfig", url)),
                "PATH": os.environ["PATH"],
            },
            mounts={settings.github.credentials_dir: mount},
            monotonic=time.monotonic,
        )
        processes: tuple[Process, ...] = (argo.attempt(workflow),)
        if processes[-1].exit_code:
            processes += (argo.exit_hook(workflow),)
        name = lease_name(repository=Repository(REPOSITORY), task=TaskId(str(TASK)))
        lease = api.get("leases", name, namespace=spaces.workflows)
        return Outcome(
            task=TASK,
            pull_request=1,
            moments=tuple(sorted(_moments(api, github, processes, began=began), key=lambda moment: moment.at)),
            before=before,
            after=_agents(client, spaces.agents[0]),
            labels_before=labels_before,
            labels_after=github.labels(1),
            record=json.loads(lease["metadata"]["annotations"][RECORD]),
            processes=processes,
        )


def _deliver(manifests: dict[str, dict[str, Any]], *, api: ApiServer, pushed_at: int) -> dict[str, Any]:
    """Deliver the signed webhook; the Workflow that the Sensor made of it."""
    source = EventSource.of(manifests["EventSource"], event="org", secret=SECRET)
    headers, body = push_webhook(
        repository=REPOSITORY,
        ref=f"refs/heads/{BRANCH}",
        before=OLD,
        after=NEW,
        login="5DLabs-Rex[bot]",
        pushed_at=pushed_at,
        secret=SECRET,
    )
    event = source.receive(headers, body)
    if isinstance(event, Rejection):
        raise LookupError(f"the EventSource refused the webhook: {event.reason}")
    made: list[dict[str, Any]] = []
    handled = Sensor(manifests["Sensor"], create=lambda obj: made.append(api.create(obj))).handle(event)
    if isinstance(handled, Dropped):
        raise LookupError(f"the Sensor dropped the push: {handled.reason}")
    return made[0]


def _moments(
    api: ApiServer, github: github_double.GitHub, processes: tuple[Process, ...], *, began: float
) -> Iterator[Moment]:
    yield Moment(at=0.0, who="GitHub", what=f"push of {NEW[:8]} to {BRANCH}, delivered to the Sensor: Workflow created")
    for call in api.calls:
        if call.status < 300 and (what := _kubernetes(call)):
            yield Moment(at=call.at.timestamp() - began, who="Kubernetes", what=what)
    for each in github.calls:
        yield Moment(at=each.at - began, who="GitHub", what=f"{each.method} {each.path.removeprefix('/repos')}")
    yield from said(processes, began=began)


def _kubernetes(call: Call) -> str:
    """What a write of the steps or of the platform was, for a person; empty for what would only be noise."""
    kind, _, name = call.path.partition("/namespaces/")[2].partition("/")[2].partition("/")
    match call.method, kind:
        case (("POST" | "PUT"), "leases"):
            return "Lease taken: lock, epoch and intent in one write" if call.method == "POST" else "record written"
        case "PUT", "configmaps":
            return "state document written (cancellation_in_progress)"
        case "DELETE", "coderuns":
            return f"DELETE {name} (uid and resourceVersion must match)"
        case "DELETE", "pods":
            return f"pod of {name.rpartition('-job')[0] or name} ended"
        case _:
            return ""
