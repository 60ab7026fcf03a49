"""The checks of Argo Events: the EventBus, the EventSource, the Sensor, and the webhook's endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.client import counted
from pipelines.doctor.check import CheckResult, CheckStatus
from pipelines.doctor.payload import carried_bytes
from pipelines.names import DEFAULT_BUS
from pipelines.settings import EXEMPT_FIX, unexempt_senders
from steps.kube import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.doctor.check import Installation
    from steps.kube import Json

_BUSES = Resource(group="argoproj.io", version="v1alpha1", plural="eventbus")
_EVENT_SOURCES = Resource(group="argoproj.io", version="v1alpha1", plural="eventsources")
_SENSORS = Resource(group="argoproj.io", version="v1alpha1", plural="sensors")
_SLICES = Resource(group="discovery.k8s.io", version="v1", plural="endpointslices")


def event_bus(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the events' namespace has a working EventBus with JetStream."""
    namespace, name = installation.settings.namespaces.events, installation.settings.events.event_bus
    found = installation.find(_BUSES, namespace=namespace, name=name)
    if found is None:
        fix = f"create an EventBus named {name}, with JetStream, in {namespace}, or correct events.event_bus"
        problem = f"{namespace} has no EventBus {name}"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)
        return
    yield _conditions(check, found)
    if not {"jetstream", "jetstreamExotic"} & set(found.get("spec") or {}):
        yield CheckResult(
            check=check,
            status=CheckStatus.WARNING,
            found=f"EventBus {name} in {namespace} does not use JetStream: a restart of the Sensor may lose a push",
            fix="use JetStream",
        )
    accepted = installation.settings.events.max_payload_bytes
    carried, needed = carried_bytes(found.get("spec") or {}), accepted + accepted // 10
    if carried is not None and carried < needed:
        yield CheckResult(
            check=check,
            status=CheckStatus.WARNING,
            found=f"EventBus {name} in {namespace} carries {carried} bytes in a message: a larger push is lost",
            fix=f"set its spec.jetstream.maxPayload to {-(-needed // 2**20)}MB, for events.max_payload_bytes",
        )


def senders(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Warn of a push that stops the run of the agent that sent it."""
    for problem in dict.fromkeys(unexempt_senders(installation.settings)):
        yield CheckResult(check=check, status=CheckStatus.WARNING, found=problem, fix=EXEMPT_FIX)


def events(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that EventSource and Sensor are ready, and that the EventSource has the event of the settings."""
    namespace, settings = installation.settings.namespaces.events, installation.settings.events
    source = installation.find(_EVENT_SOURCES, namespace=namespace, name=settings.event_source)
    if source is None:
        fix = "apply rendered/events, or correct events.event_source"
        problem = f"{namespace} has no EventSource {settings.event_source}"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)
    else:
        yield _conditions(check, source)
        bus = source["spec"].get("eventBusName") or DEFAULT_BUS
        if bus != settings.event_bus:
            problem = f"EventSource {settings.event_source} sends to EventBus {bus}: the Sensor hears nothing"
            fix = f"set its spec.eventBusName to {settings.event_bus}, or correct events.event_bus"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)
        if settings.event_name not in (source["spec"].get("github") or {}):
            problem = f"EventSource {settings.event_source} has no GitHub event {settings.event_name}: no push arrives"
            fix = "merge the rendered event into it, or correct events.event_name"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)
    sensor = installation.find(_SENSORS, namespace=namespace, name=settings.sensor)
    if sensor is not None:
        yield _conditions(check, sensor)


def github_event(installation: Installation) -> Json | None:
    """Return the event of the EventSource that the settings name; None if there is none."""
    namespace, settings = installation.settings.namespaces.events, installation.settings.events
    source = installation.find(_EVENT_SOURCES, namespace=namespace, name=settings.event_source)
    found: Json | None = (((source or {}).get("spec") or {}).get("github") or {}).get(settings.event_name)
    return found


def webhook(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the webhook's Service has ready endpoints."""
    namespace, source = installation.settings.namespaces.events, installation.settings.events.event_source
    service = f"{source}-eventsource-svc"
    slices = installation.kube.list(_SLICES, namespace=namespace, labels=f"kubernetes.io/service-name={service}")
    ready = [
        each
        for found in slices
        for each in found.get("endpoints") or ()
        if (each.get("conditions") or {}).get("ready") is not False
    ]
    if ready:
        yield CheckResult(
            check=check, status=CheckStatus.OK, found=f"Service {service} has {counted(len(ready), 'ready endpoint')}"
        )
    else:
        yield CheckResult(
            check=check,
            status=CheckStatus.WRONG,
            found=f"Service {service} in {namespace} has no ready endpoint: GitHub's webhooks get no answer",
            fix=f"kubectl -n {namespace} get pods -l eventsource-name={source}",
        )


def _conditions(check: str, body: Json) -> CheckResult:
    """Check the conditions that Argo Events wrote on an object."""
    name = f"{body['kind']} {body['metadata']['name']}"
    written = (body.get("status") or {}).get("conditions") or []
    bad = [
        f"{each['type']}: {each.get('message') or each.get('reason') or each['status']}"
        for each in written
        if each["status"] != "True"
    ]
    if not written:
        return CheckResult(
            check=check,
            status=CheckStatus.WRONG,
            found=f"Argo Events has not processed {name}",
            fix="check that its controller runs and manages this namespace",
        )
    if bad:
        fix = f"kubectl -n {body['metadata']['namespace']} describe {body['kind'].lower()} {body['metadata']['name']}"
        return CheckResult(
            check=check, status=CheckStatus.WRONG, found=f"{name} is not ready: {'; '.join(bad)}", fix=fix
        )
    return CheckResult(check=check, status=CheckStatus.OK, found=f"{name} is ready")
