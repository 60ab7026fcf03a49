"""A task in trouble, in one process: the doubles, the platform's controllers, and steps that run against them.

Guarantees: time is a ManualClock, so a whole push takes milliseconds; the steps are the shipped ones from their Context
down, and speak to the Kubernetes double through its requests and to the GitHub double through PyGithub and HTTP. Not
covered here: environment, exit of the process, RBAC (tests/integration/control_plane).
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

from github import Auth

from pipelines.manifests.config_maps import breakers
from pipelines.settings import Settings, example_settings
from steps.breaker.shared import Breaker, Breakers
from steps.breaker.store import CircuitStore
from steps.cancel import cancel
from steps.cancellation.execution import StartedExecution, start_execution
from steps.cancellation.workflow import REPAIR_LABEL, WORKFLOW_COMPLETED_LABEL, build_workflow
from steps.command import CommandContext, command
from steps.core.clock import parse_time
from steps.core.errors import Exit, StepError, UnavailableError
from steps.domain.command import COMMAND_PARAMETERS, command_from_env
from steps.domain.push import ZERO_SHA, Push, Repository, Sha
from steps.domain.record import Record, parse_record
from steps.domain.task_id import TaskId
from steps.fail import fail
from steps.github.client import GitHub
from steps.github.sign_in import SignIn
from steps.kube.client import Kube
from steps.kube.events import EventReason
from steps.kube.transport import Json, Response
from steps.lease.holder import Holder
from steps.lease.lease_object import lease_name
from steps.reconciliation.context import ReconcileContext
from steps.reconciliation.planning import PlannedRepair
from steps.reconciliation.reconcile_pass import run_pass
from steps.runtime.context import Clients, StepContext
from steps.settings.github import GitHubSettings
from steps.settings.loading import ReconcileStepSettings, StepSettings
from steps.telemetry.audit import Audit
from steps.telemetry.log import Log
from steps.telemetry.measurements import REPORT, Measurements
from tests.doubles import argo_controller
from tests.doubles import github as github_double
from tests.doubles.argo_controller import ArgoController
from tests.doubles.clock import ManualClock
from tests.doubles.kubernetes import ApiServer, ConnectionLostError, make_request
from tests.doubles.kubernetes.server import random_uid
from tests.doubles.platform.client import Client, Reply
from tests.doubles.platform.controller import Controller
from tests.doubles.platform.crd import CRD
from tests.doubles.platform.job_controller import JobController
from tests.doubles.platform.kubelet import Kubelet
from tests.doubles.platform.platform import put_run
from tests.doubles.platform.runs import TESS, agent_run

REPOSITORY = "5dlabs/cto"
OLD, NEW, NEWER = "a" * 40, "b" * 40, "c" * 40
TOKEN = "ghs_scene"
DEFAULTS: Settings = example_settings()


class InProcess:
    """The Kubernetes double as the steps' transport."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Hand a request over."""
        del timeout_s
        request = make_request(
            method=method, target=target, headers=headers, body=json.dumps(body).encode() if body is not None else b""
        )
        try:
            answer = self._api.handle(request)
        except ConnectionLostError as error:
            raise UnavailableError(f"{method} {target}: connection lost") from error
        names = {name.lower(): value for name, value in answer.headers.items()}
        names.setdefault("date", format_datetime(self._api._clock(), usegmt=True))
        return Response(status=answer.status, headers=names, body=answer.body)


class LocalClient(Client):
    """The platform's controllers' client, without sockets, recording or faults."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - JSON is any value
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Reply:
        """Hand a request over."""
        request = make_request(
            method=method,
            target=path,
            headers={"Content-Type": content_type, "Accept": accept},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        answer = self._api.respond(replace(request, query=query or {}))
        text = answer.body.decode()
        return Reply(
            status=answer.status, text=text, body=json.loads(text) if text[:1] in "{[" else None, headers=answer.headers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A Workflow that the Sensor created; it waits until it is played."""

    name: str
    uid: str
    push: Push
    created_at: datetime


@dataclass(slots=True, kw_only=True)
class Scene:
    """One cluster, one GitHub, and a clock that both go by."""

    github: github_double.GitHub
    github_url: str
    clock: ManualClock
    settings: StepSettings = DEFAULTS
    reconcile_settings: ReconcileStepSettings = DEFAULTS
    new_uid: Callable[[], str] = random_uid
    api: ApiServer = field(init=False)
    kubelet: Kubelet = field(init=False)
    controller: Controller = field(init=False)
    argo: ArgoController = field(init=False)
    in_threads: bool = False
    output: io.StringIO = field(default_factory=io.StringIO)
    measured: dict[str, Measurements] = field(default_factory=dict)
    kubelets: dict[str, Kubelet] = field(default_factory=dict)
    controllers: dict[str, Controller] = field(default_factory=dict)
    _serial: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        namespaces = self.settings.namespaces
        self.api = ApiServer(
            clock=self.clock.now,
            sleep=self.clock.sleep,
            new_uid=self.new_uid,
            namespaces=tuple(
                dict.fromkeys(
                    ("default", namespaces.workflows, *namespaces.agents, namespaces.documents, namespaces.events)
                )
            ),
        )
        self.api.create(CRD)
        self.api.create(argo_controller.CRD)
        self.api.create(breakers(self.settings))
        self.argo = ArgoController(api=self.api, namespace=namespaces.workflows)
        client = LocalClient(self.api)
        for home in namespaces.agents:
            controller = Controller(client=client, namespace=home, clock=self.clock.monotonic)
            jobs = JobController(client=client, namespace=home)
            self.kubelets[home] = Kubelet(client=client, namespace=home, clock=self.clock.monotonic)
            for part in (controller, jobs, self.kubelets[home]):
                self.clock.every(part.step)
            self.controllers[home] = controller
        self.kubelet, self.controller = self.kubelets[namespaces.agents[0]], self.controllers[namespaces.agents[0]]
        self.clock.every(self.argo.step)

    # What the world does.

    def agent(self, *, task: int = 7, agent: str = TESS, repository: str = REPOSITORY, **more: Any) -> Json:  # noqa: ANN401 - passed on
        """Start an agent; it gets its Job and pod as time passes."""
        manifest = agent_run(
            task=task,
            agent=agent,
            repository=f"https://github.com/{repository}",
            **{"namespace": self.settings.namespaces.agents[0]} | more,
        )
        return put_run(LocalClient(self.api), manifest)

    def workflow(
        self,
        *,
        sha: str = NEW,
        task: int = 7,
        pushed_at: datetime | None = None,
        repository: str = REPOSITORY,
        before: str = "",
        branch: str = "",
        dry_run: bool = False,
        reason: str = "push",
    ) -> Workflow:
        """The Workflow that the Sensor creates now for a push (by default of this very moment)."""
        branch = branch or f"task-{task}-work"
        push = Push(
            repository=Repository(repository),
            task=TaskId(str(task)),
            ref=f"refs/heads/{branch}",
            before=Sha(before or self.replaced_by(sha, branch=branch, repository=repository)),
            sha=Sha(sha),
            pushed_at=(pushed_at or self.clock.now()).replace(microsecond=0),
            correlation_id=f"delivery-{next(self._serial)}",
            reason=reason,
            dry_run=dry_run,
            requested_by="5DLabs-Rex[bot]",
        )
        metadata = self.api.create(build_workflow(parameters(push), settings=self.settings))["metadata"]
        self.argo.step()
        return Workflow(
            name=metadata["name"],
            uid=metadata["uid"],
            created_at=parse_time(metadata["creationTimestamp"]),
            push=push,
        )

    def ended(self, reason: str = "closed", *, before: str = NEW, **options: Any) -> Workflow:  # noqa: ANN401 - passed on
        """The Workflow that the Sensor creates now for a closed pull request or a deleted branch."""
        return self.workflow(sha=ZERO_SHA, before=before, reason=reason, **options)

    def replaced_by(self, sha: str, *, branch: str = "task-7-work", repository: str = REPOSITORY) -> str:
        """The commit that GitHub's webhook of this push names as `before`; zeros if the branch is new.

        GitHub's REST API may show a push later than its webhook: the branch is then still at the replaced commit.
        """
        known = self.github.world.repositories.get(repository)
        if known is None:
            return ZERO_SHA
        pushes = [each.before for each in known.activities if each.after == sha]
        at_branch = known.branches.get(branch, ZERO_SHA)
        return pushes[0] if pushes else at_branch if at_branch != sha else ZERO_SHA

    # What the steps do.

    def context(self, workflow: Workflow, *, pod: str) -> StepContext:
        """The Context of a step of this workflow in this pod."""
        holder = Holder(pod=pod, pod_uid=self._pod_uid(pod), workflow_uid=workflow.uid)
        context = self.context_without_pod(workflow, measurements=self.measurements(pod))
        return replace(context, holder=holder)

    def measurements(self, pod: str) -> Measurements:
        """What the containers of a pod have measured."""
        return self.measured.setdefault(pod, Measurements())

    def context_without_pod(
        self,
        workflow: Workflow,
        *,
        random: Callable[[], float] = lambda: 0.5,
        measurements: Measurements | None = None,
    ) -> StepContext:
        """The Context of a process outside the cluster."""
        measured = measurements or Measurements()
        log = Log(clock=self.clock, stream=self.output).bind(workflow=workflow.name)
        audit = Audit(log=log.bind(correlation_id=workflow.push.correlation_id))
        kube = self.kube(audit, random=random)
        breakers = self.breakers(kube)
        general = self.settings
        if not self.in_threads:
            # One after the other, so that a scene is the same each time.
            general = replace(general, help=replace(general.help, parallel=1))
        return StepContext(
            push=workflow.push,
            settings=general.for_repository(workflow.push.repository),
            general=general,
            workflow=workflow.name,
            created_at=workflow.created_at,
            holder=Holder(pod="", pod_uid="outside", workflow_uid=workflow.uid),
            clients=Clients(
                kube=kube,
                breakers=breakers,
                github=partial(self._github, random=random, breakers=breakers, measured=measured, audit=audit),
            ),
            clock=self.clock,
            random=random,
            log=log,
            measurements=measured,
        )

    def _github(
        self,
        while_waiting: Callable[[], None],
        settings: GitHubSettings | None = None,
        *,
        random: Callable[[], float],
        breakers: Breakers,
        measured: Measurements,
        audit: Audit,
    ) -> GitHub:
        return GitHub(
            sign_in=SignIn(Auth.Token(TOKEN), clock=self.clock),
            settings=replace(settings or self.settings.github, api_url=self.github_url),
            clock=self.clock,
            random=random,
            while_waiting=while_waiting,
            breaker=breakers.github,
            measurements=measured,
            audit=audit,
        )

    def audit(self) -> Audit:
        """An audit that writes where the steps do."""
        return Audit(log=Log(clock=self.clock, stream=self.output))

    def kube(
        self,
        audit: Audit | None = None,
        *,
        random: Callable[[], float] = lambda: 0.5,
        transport: InProcess | None = None,
    ) -> Kube:
        """The API server, as a step speaks to it."""
        return Kube(
            transport=transport or InProcess(self.api),
            clock=self.clock,
            settings=self.settings.kubernetes,
            random=random,
            audit=audit or self.audit(),
        )

    def breakers(self, kube: Kube | None = None) -> Breakers:
        """The breakers as a pod that starts now sees them."""
        kube = kube or self.kube()
        namespace = self.settings.namespaces.workflows
        found = self.api.get("configmaps", self.settings.breaker.config_map, namespace=namespace)
        data: dict[str, str] = found.get("data", {})
        log = Log(clock=self.clock, stream=self.output)
        stored = partial(
            CircuitStore,
            kube=kube,
            clock=self.clock,
            random=lambda: 0.5,
            namespace=namespace,
            config_map=self.settings.breaker.config_map,
            mounted=lambda dependency: data.get(dependency, ""),
            log=log,
        )
        new = partial(Breaker, clock=self.clock, settings=self.settings.breaker, log=log)
        return Breakers(github=new(stored("github")), agents=new(stored("agents")))

    def _pod_uid(self, name: str) -> str:
        """Make the step's own pod if it is not there; its uid."""
        namespace = self.settings.namespaces.workflows
        found = self.api.find("pods", name, namespace=namespace)
        if found is None:
            container = {"name": "main", "image": "agent-cancellation:test"}
            found = self.api.create(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {"name": name, "namespace": namespace},
                    "spec": {"containers": [container], "nodeName": "node-1"},
                }
            )
        return str(found["metadata"]["uid"])

    def end_pod(self, name: str, *, phase: str) -> None:
        """The step's pod has ended."""
        self.api.patch(
            "pods",
            name,
            {"status": {"phase": phase}},
            namespace=self.settings.namespaces.workflows,
            subresource="status",
        )

    def step(self, what: Callable[[StepContext], None], workflow: Workflow, *, pod: str) -> Exit:
        """Run one step as the container would; its exit code."""
        try:
            what(self.context(workflow, pod=pod))
        except StepError as error:
            self.output.write(json.dumps({"exit": int(error.exit), "error": str(error)}) + "\n")
            return error.exit
        return Exit.DONE

    def begin(self, workflow: Workflow, *, pod: str) -> StartedExecution:
        """Run the first part of an attempt: its DELETEs are sent, and the Lease is held."""
        started = start_execution(self.context(workflow, pod=pod))
        assert started is not None, "the push is superseded"
        return started

    def attempt(self, workflow: Workflow, *, pod: str = "") -> Exit:
        """Run one attempt of the pod."""
        pod = pod or f"{workflow.name}-pod-{next(self._serial)}"
        self.argo.mark(workflow.name, argo_controller.RUNNING)
        code = self.step(cancel, workflow, pod=pod)
        self.end_pod(pod, phase="Succeeded" if code is Exit.DONE else "Failed")
        return code

    def play(self, workflow: Workflow, *, attempts: int = 4) -> Exit:
        """Run a workflow as Argo does: retried while the exit code says so; the exit hook if it did not succeed."""
        code = Exit.DONE
        for _ in range(attempts):
            code = self.attempt(workflow)
            if code is not Exit.TRY_AGAIN:
                break
            self.clock.sleep(5)
        if code is not Exit.DONE:
            self.step(fail, workflow, pod=f"{workflow.name}-exit-{next(self._serial)}")
        ended = argo_controller.SUCCEEDED if code is Exit.DONE else argo_controller.FAILED
        self.argo.mark(workflow.name, ended, message="" if code is Exit.DONE else f"exit code {int(code)}")
        return code

    def command(self, found: Json) -> tuple[Exit, str]:
        """Run the Workflow of a comment's command, as Argo does with its arguments; its exit code and its report."""
        values = {each["name"]: each["value"] for each in found["spec"]["arguments"]["parameters"]}
        metadata, measured = found["metadata"], Measurements()
        log = Log(clock=self.clock, stream=self.output).bind(workflow=metadata["name"])
        audit = Audit(log=log)
        kube = self.kube(audit)
        breakers = self.breakers(kube)
        github = partial(self._github, random=lambda: 0.5, breakers=breakers, measured=measured, audit=audit)
        try:
            command(
                CommandContext(
                    asked=command_from_env({each.env: values[each.name] for each in COMMAND_PARAMETERS}),
                    settings=self.settings,
                    created_at=parse_time(metadata["creationTimestamp"]),
                    clients=Clients(kube=kube, breakers=breakers, github=github),
                    log=log,
                    measurements=measured,
                )
            )
        except StepError as error:
            return error.exit, str(error)
        return Exit.DONE, measured.values[REPORT]

    # What reconcile does.

    def reconcile_context(
        self, *, pod: str = "reconcile", dry_run: bool = False, waited_s: float = 0
    ) -> ReconcileContext:
        """What a process of reconcile works with, whose pod waited so long for a node or its image."""
        holder = Holder(pod=pod, pod_uid=self._pod_uid(pod), workflow_uid="reconcile")
        log = Log(clock=self.clock, stream=self.output).bind(step="reconcile")
        audit = Audit(log=log)
        kube = self.kube(audit)
        breakers = self.breakers(kube)
        return ReconcileContext(
            settings=self.reconcile_settings,
            workflow="reconcile-1",
            started_at=self.clock.now() - timedelta(seconds=waited_s),
            started=self.clock.monotonic(),
            holder=holder,
            clients=Clients(
                kube=kube,
                breakers=breakers,
                github=partial(
                    self._github, random=lambda: 0.5, breakers=breakers, measured=self.measurements(pod), audit=audit
                ),
            ),
            clock=self.clock,
            random=lambda: 0.5,
            log=log,
            measurements=self.measurements(pod),
            dry_run=dry_run,
        )

    def reconcile(self, *, dry_run: bool = False) -> tuple[PlannedRepair, ...]:
        """One pass."""
        return run_pass(self.reconcile_context(dry_run=dry_run)).repairs

    def repairs(self) -> list[Json]:
        """The repairs under way."""
        namespace = self.settings.namespaces.workflows
        return self.api.list(
            "workflows", namespace=namespace, labels=f"{REPAIR_LABEL},{WORKFLOW_COMPLETED_LABEL}!=true"
        )

    def run_repairs(self) -> list[Exit]:
        """Run every repair to its end, as Argo would."""
        return [self.run_repair(found) for found in self.repairs()]

    def run_repair(self, found: Json) -> Exit:
        """Run a Workflow that was submitted."""
        return self.play(submitted(found))

    # What became of it.

    def lease(self, *, task: int = 7, repository: str = REPOSITORY) -> Json:
        """The task's Lease."""
        name = lease_name(repository=Repository(repository), task=TaskId(str(task)))
        return self.api.get("leases", name, namespace=self.settings.namespaces.workflows)

    def record(self, *, task: int = 7, repository: str = REPOSITORY) -> Record:
        """The task's record."""
        annotations = self.lease(task=task, repository=repository)["metadata"]["annotations"]
        return parse_record(annotations["agent-cancellation/record"])

    def runs(self) -> set[str]:
        """Names of the agent runs that are still there."""
        homes = self.settings.namespaces.agents
        return {run["metadata"]["name"] for home in homes for run in self.api.list("coderuns", namespace=home)}

    def events(self) -> list[dict[str, Any]]:
        """What the steps logged."""
        return [json.loads(line) for line in self.output.getvalue().splitlines()]

    def told(self, *reasons: EventReason) -> list[Json]:
        """The Events of these reasons, or all, in the namespaces of Workflows and agents."""
        spaces = self.settings.namespaces
        found = [
            each for home in (spaces.workflows, *spaces.agents) for each in self.api.list("events", namespace=home)
        ]
        return [each for each in found if not reasons or each["reason"] in reasons]

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.sleep(seconds)


def parameters(push: Push) -> dict[str, str]:
    """A push as the parameters of the WorkflowTemplate."""
    return {
        "repository": push.repository,
        "task-id": push.task,
        "ref": push.ref,
        "before": push.before,
        "sha": push.sha,
        "pushed-at": str(int(push.pushed_at.timestamp())),
        "correlation-id": push.correlation_id,
        "reason": push.reason,
        "dry-run": str(push.dry_run).lower(),
        "requested-by": push.requested_by,
    }


def submitted(found: Json) -> Workflow:
    """A Workflow as the API server has it."""
    values = {each["name"]: each["value"] for each in found["spec"]["arguments"]["parameters"]}
    push = Push(
        repository=Repository(values["repository"]),
        task=TaskId(values["task-id"]),
        ref=values["ref"],
        before=Sha(values.get("before", ZERO_SHA)),
        sha=Sha(values["sha"]),
        pushed_at=datetime.fromtimestamp(int(values["pushed-at"]), UTC),
        correlation_id=values["correlation-id"],
        reason=values["reason"],
        dry_run=values["dry-run"] == "true",
        requested_by=values["requested-by"],
    )
    metadata = found["metadata"]
    created_at = datetime.fromisoformat(metadata["creationTimestamp"])
    return Workflow(name=metadata["name"], uid=metadata["uid"], push=push, created_at=created_at)


def ago(clock: ManualClock, seconds: float) -> datetime:
    """A moment in the past, in whole seconds."""
    return (clock.now() - timedelta(seconds=seconds)).replace(microsecond=0)
