"""How many pushes a minute each resource carries without end: calculated from the parameters, not simulated.

Guarantees that the limits of GitHub are those that it documents. Not guaranteed: which requests GitHub counts as
content-creating; its documents do not say whether a label is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.tools.model.parameters import Argo, Node, Requests

TOKEN_AN_HOUR, ENTERPRISE_APP_AN_HOUR = 5_000, 15_000
POINTS_A_MINUTE, READ_POINTS, WRITE_POINTS = 900, 1, 5
CREATED_A_MINUTE, CREATED_AN_HOUR = 80, 500
GITHUB_AT_ONCE = 100
IN_FLIGHT = 600  # kube-apiserver: --max-requests-inflight 400 and --max-mutating-requests-inflight 200
WORKERS, CLEANERS = 32, 4  # defaults of --workflow-workers and --pod-cleanup-workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A resource.

    Attributes:
        pushes: Pushes a minute that it carries.
        at_once: Pushes that it carries at once, before it makes others wait; 0 if the limit is not a number of pushes.
        moved_by: What moves it.
    """

    what: str
    pushes: float
    at_once: int
    moved_by: str


def limits(*, node: Node, argo: Argo, requests: Requests) -> Iterator[Limit]:
    """List the resources with what they carry."""
    yield from _cluster(node=node, argo=argo, requests=requests)
    yield from _github(requests)


def _cluster(*, node: Node, argo: Argo, requests: Requests) -> Iterator[Limit]:
    each = argo.first_requests + argo.start_requests + argo.end_requests
    yield Limit(
        what=f"{node.cores} cores: {node.start_cpu_s + node.rest_cpu_s + node.end_cpu_s:.2f} s of processor a push",
        pushes=60 * node.cores / (node.start_cpu_s + node.rest_cpu_s + node.end_cpu_s),
        at_once=0,
        moved_by="more cores",
    )
    slot = argo.requeue_s + argo.notify_s
    yield Limit(
        what=f"{argo.concurrent} places of the semaphore, {slot:.0f} s for each Workflow",
        pushes=60 * argo.concurrent / slot,
        at_once=argo.concurrent,
        moved_by="`workflow.concurrent`, `DEFAULT_REQUEUE_TIME`",
    )
    yield Limit(
        what=f"Argo's controller: {argo.qps:.0f} requests a second, {each} for each Workflow",
        pushes=60 * argo.qps / each,
        at_once=argo.burst // each,
        moved_by="`--qps`, `--burst`",
    )
    yield Limit(
        what=f"the Sensor: {argo.sensor_qps:.0f} Workflows a second",
        pushes=60 * argo.sensor_qps,
        at_once=argo.sensor_burst,
        moved_by="a second Sensor; Argo Events 1.9 has no setting",
    )
    yield Limit(
        what=f"{CLEANERS} pod clean-up workers, 1 request for each pod",
        pushes=60 * CLEANERS / requests.request_s,
        at_once=0,
        moved_by="`--pod-cleanup-workers`",
    )
    yield Limit(
        what=f"{WORKERS} workflow workers, {each - 1} requests for each Workflow",
        pushes=60 * WORKERS / ((each - 1) * requests.request_s),
        at_once=0,
        moved_by="`--workflow-workers`",
    )
    asked = requests.before + requests.after + each
    yield Limit(
        what=f"API server: {IN_FLIGHT} requests in flight, {asked} for each push",
        pushes=60 * IN_FLIGHT / (asked * requests.request_s),
        at_once=0,
        moved_by="flags of the API server",
    )


def _github(requests: Requests) -> Iterator[Limit]:
    token = requests.github_before + requests.github_after
    app = token + requests.github_sign_in
    points = (token - requests.github_writes) * READ_POINTS + requests.github_writes * WRITE_POINTS
    less = "`comment.enabled = false` saves 2 requests"
    yield Limit(
        what=f"GitHub: {CREATED_AN_HOUR} content-creating requests an hour, {requests.github_created} for each push",
        pushes=CREATED_AN_HOUR / requests.github_created / 60,
        at_once=CREATED_AN_HOUR // requests.github_created,
        moved_by="`comment.enabled = false` saves one",
    )
    yield Limit(
        what=f"GitHub: {CREATED_A_MINUTE} content-creating requests a minute",
        pushes=CREATED_A_MINUTE / requests.github_created,
        at_once=CREATED_A_MINUTE // requests.github_created,
        moved_by="`comment.enabled = false` saves one",
    )
    yield Limit(
        what=f"GitHub: {TOKEN_AN_HOUR:,} requests an hour (token, small App), {token} for each push",
        pushes=TOKEN_AN_HOUR / token / 60,
        at_once=TOKEN_AN_HOUR // token,
        moved_by=f"an App; {less}",
    )
    yield Limit(
        what=f"GitHub: {ENTERPRISE_APP_AN_HOUR:,} requests an hour (App, Enterprise Cloud), {app} for each push",
        pushes=ENTERPRISE_APP_AN_HOUR / app / 60,
        at_once=ENTERPRISE_APP_AN_HOUR // app,
        moved_by=f"{less}; help saves the sign-in",
    )
    yield Limit(
        what=f"GitHub: {POINTS_A_MINUTE} points a minute, {points} for each push",
        pushes=POINTS_A_MINUTE / points,
        at_once=POINTS_A_MINUTE // points,
        moved_by=less,
    )
    yield Limit(
        what=f"GitHub: {GITHUB_AT_ONCE} requests at once",
        pushes=60 * GITHUB_AT_ONCE / (token * requests.github_s),
        at_once=GITHUB_AT_ONCE,
        moved_by="`help.pushes`, `workflow.concurrent`",
    )
