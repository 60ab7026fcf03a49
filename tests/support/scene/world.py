"""The world of a scene: a cluster with the platform's controllers, a GitHub, and one clock for all.

Guarantees that time is a ManualClock, so a whole push takes milliseconds.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipelines.manifests.config_maps import breakers
from pipelines.settings import Settings, example_settings
from steps.kube.transport import Json
from steps.settings.loading import ReconcileStepSettings, StepSettings
from steps.telemetry.measurements import Measurements
from tests.doubles import argo_controller
from tests.doubles import github as github_double
from tests.doubles.argo_controller import ArgoController
from tests.doubles.clock import ManualClock
from tests.doubles.kubernetes import ApiServer
from tests.doubles.kubernetes.server import random_uid
from tests.doubles.platform.controller import Controller
from tests.doubles.platform.crd import CRD
from tests.doubles.platform.job_controller import JobController
from tests.doubles.platform.kubelet import Kubelet
from tests.doubles.platform.platform import put_run
from tests.doubles.platform.runs import TESS, agent_run
from tests.support.scene.in_process import LocalClient

REPOSITORY = "5dlabs/cto"
OLD, NEW, NEWER = "a" * 40, "b" * 40, "c" * 40
DEFAULTS: Settings = example_settings()


@dataclass(slots=True, kw_only=True)
class World:
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
        self.argo = ArgoController(api=self.api, namespace=namespaces.workflows, clock=self.clock.monotonic)
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

    def agent(self, *, task: int = 7, agent: str = TESS, repository: str = REPOSITORY, **more: Any) -> Json:  # noqa: ANN401 - passed on
        """Start an agent; it gets its Job and pod as time passes."""
        manifest = agent_run(
            task=task,
            agent=agent,
            repository=f"https://github.com/{repository}",
            **{"namespace": self.settings.namespaces.agents[0]} | more,
        )
        return put_run(LocalClient(self.api), manifest)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.sleep(seconds)


def ago(clock: ManualClock, seconds: float) -> datetime:
    """A moment in the past, in whole seconds."""
    return (clock.now() - timedelta(seconds=seconds)).replace(microsecond=0)
