"""The ways in which the pushes of a burst are answered, and how the cluster is set up for each."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipelines import names
from pipelines.manifests.cancel_workflow import workflow_template
from tests.doubles.platform.client import MERGE_PATCH
from tests.e2e.provision.argo import Options
from tests.e2e.provision.cluster import configure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support.surroundings import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How the pushes of a burst are answered.

    Attributes:
        concurrent: The size of the semaphore.
        busy: Whether Argo may send 100 requests a second to the API server, instead of 20.
        helped: Whether pods help the pushes that wait.
        script: Whether a bare script answers, in a pod for each push.
    """

    name: str
    concurrent: int = 10
    busy: bool = False
    helped: bool = True
    script: bool = False


BARE = How(name="bare script", script=True)
SHIPPED = How(name="10 at once")
WAYS = (
    BARE,
    SHIPPED,
    How(name="3 at once", concurrent=3),
    How(name="2 at once", concurrent=2),
    How(name="10 at once, --qps 100", busy=True),
    How(name="10 at once, no help", helped=False),
)


@contextmanager
def applied(around: Surroundings, way: How) -> Iterator[None]:
    """Let Argo, the semaphore and help be like that, until the context is left."""
    home = around.cluster.settings.namespaces.workflows
    limits = f"/api/v1/namespaces/{home}/configmaps/{names.LIMITS}"
    template = f"/apis/argoproj.io/v1alpha1/namespaces/{home}/workflowtemplates/{names.TEMPLATE}"
    before = around.client.ask("GET", limits)["data"]
    spec = around.client.ask("GET", template)["spec"]
    settings = around.cluster.settings
    without = workflow_template(replace(settings, help=replace(settings.help, pushes=0)))["spec"]

    def allow(data: dict[str, str]) -> None:
        around.client.ask("PATCH", limits, {"data": data}, content_type=MERGE_PATCH)

    configure(around.cluster, Options(busy=way.busy))
    allow({names.LIMITS_KEY: str(way.concurrent)})
    if not way.helped:
        around.client.ask("PATCH", template, {"spec": without}, content_type=MERGE_PATCH)
    try:
        yield
    finally:
        around.client.ask("PATCH", template, {"spec": spec}, content_type=MERGE_PATCH)
        allow(before)
        configure(around.cluster, Options())
