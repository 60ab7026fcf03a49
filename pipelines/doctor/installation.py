"""What is installed of this project: every object as the settings render it, its rights, its schedule, its webhook.

Each check is a function from a patient to findings; none writes anything but questions about access.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipelines.doctor.check import CheckResult, CheckStatus, ClusterResource
from pipelines.doctor.platform import ARGO, conditions
from pipelines.manifests import all_manifests
from pipelines.names import LIMITS, LIMITS_KEY, RECONCILE, SENSOR
from steps.core import parse_time
from steps.kube import CONFIG_MAPS, LEASES, Resource
from steps.reconciliation import ATTENTION_LABEL
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.doctor.check import Installation

_IRREGULAR = {"NetworkPolicy": "networkpolicies"}
# What people may change live, and what pods write into.
_LIVE = {("ConfigMap", LIMITS)}
_WHY = WriteReason(cause=WriteCause.REVIEW)
_REVIEWS = ClusterResource(group="authorization.k8s.io", version="v1", plural="subjectaccessreviews")
_SLICES = Resource(group="discovery.k8s.io", version="v1", plural="endpointslices")
# The schedule is each minute, and a pod of it lasts almost one.
_LATE = timedelta(minutes=5)


def resource_of(manifest: dict[str, Any]) -> Resource:
    """Where the API server keeps objects of a manifest's kind."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    plural = _IRREGULAR.get(manifest["kind"], f"{manifest['kind'].lower()}s")
    return Resource(group=group, version=version, plural=plural)


def drift(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Every object is there, as the settings render it."""
    same = 0
    for wanted in all_manifests(installation.settings):
        kind, metadata = wanted["kind"], wanted["metadata"]
        name, where = f"{kind} {metadata['name']}", metadata["namespace"]
        found = installation.find(resource_of(wanted), namespace=where, name=metadata["name"])
        if found is None:
            fix = "kubectl apply -k rendered/, or let GitOps do it"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=f"{where} has no {name}", fix=fix)
            continue
        ignored = {"data"} if (kind, metadata["name"]) in _LIVE else set()
        given = {key: value for key, value in wanted.items() if key not in ignored}
        if at := difference(given, found):
            yield CheckResult(
                check=check,
                status=CheckStatus.WRONG,
                found=f"{name} in {where} is not what the settings render, at {at}",
                fix="make render, commit, and apply; or see who changes it",
            )
        else:
            same += 1
    yield CheckResult(check=check, status=CheckStatus.OK, found=f"{same} objects are as the settings render them")


def difference(wanted: Any, found: Any, *, at: str = "") -> str:  # noqa: ANN401 - JSON
    """Where what was applied departs from what was rendered; empty if nowhere.

    What the API server adds by itself is none; a list has to have the same length.
    """
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            if inner := difference(value, found.get(key), at=f"{at}.{key}" if at else key):
                return inner
        return ""
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return next(
            (inner for index, (one, other) in pairs if (inner := difference(one, other, at=f"{at}[{index}]"))), ""
        )
    # The API server leaves out what is empty.
    return "" if wanted == found or (not wanted and found is None) else at or "."


def access(installation: Installation, check: str) -> Iterator[CheckResult]:
    """The service accounts may do what their Roles say; an admission plugin or a missing binding would show here."""
    objects = list(all_manifests(installation.settings))
    roles = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each for each in objects if each["kind"] == "Role"
    }
    for binding in (each for each in objects if each["kind"] == "RoleBinding"):
        where, account = binding["metadata"]["namespace"], binding["subjects"][0]
        user = f"system:serviceaccount:{account['namespace']}:{account['name']}"
        asked = list(_requests(roles[where, binding["roleRef"]["name"]], namespace=where))
        refused = [request for request in asked if not _allowed(installation, user=user, request=request)]
        for request in refused:
            what = f"{request['verb']} {request['resource']}"
            yield CheckResult(
                check=check,
                status=CheckStatus.WRONG,
                found=f"{account['name']} may not {what} in {where}",
                fix="apply its Role and RoleBinding",
            )
        if not refused:
            found = f"{account['name']} may do its {len(asked)} things in {where}"
            yield CheckResult(check=check, status=CheckStatus.OK, found=found)


def _requests(role: dict[str, Any], *, namespace: str) -> Iterator[dict[str, str]]:
    for rule in role["rules"]:
        for resource in rule["resources"]:
            for name in rule.get("resourceNames", [""]):
                for verb in rule["verbs"]:
                    asked = {"verb": verb, "group": rule["apiGroups"][0], "resource": resource, "name": name}
                    yield asked | {"namespace": namespace}


def _allowed(installation: Installation, *, user: str, request: dict[str, str]) -> bool:
    home = user.split(":")[2]
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{home}", "system:authenticated"]
    spec = {"user": user, "groups": groups, "resourceAttributes": request}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    return bool(installation.kube.create(_REVIEWS, namespace="", body=body, reason=_WHY)["status"]["allowed"])


def limits(installation: Installation, check: str) -> Iterator[CheckResult]:
    """The semaphore has a number: with none, Argo fails every Workflow."""
    namespace, settings = installation.settings.namespaces.workflows, installation.settings.workflow
    found = installation.find(CONFIG_MAPS, namespace=namespace, name=LIMITS)
    text = ((found or {}).get("data") or {}).get(LIMITS_KEY, "")
    if not text.isdigit() or int(text) < 1:
        yield CheckResult(
            check=check,
            status=CheckStatus.WRONG,
            found=f"ConfigMap {LIMITS} has no number from 1 in {LIMITS_KEY}: no Workflow can begin",
            fix=f"set it to {settings.concurrent}, as the settings say",
        )
    elif int(text) != settings.concurrent:
        told = f"{text} cancellations at once; the settings say {settings.concurrent}"
        fix = "none, if it was changed live; GitOps will put it back"
        yield CheckResult(check=check, status=CheckStatus.WARNING, found=told, fix=fix)
    else:
        yield CheckResult(check=check, status=CheckStatus.OK, found=f"{text} cancellations at once")


def _argo(plural: str) -> Resource:
    return Resource(group=ARGO[0], version=ARGO[1], plural=plural)


def events(installation: Installation, check: str) -> Iterator[CheckResult]:
    """EventSource and Sensor are ready, and the EventSource has our event."""
    namespace, settings = installation.settings.namespaces.events, installation.settings.events
    source = installation.find(_argo("eventsources"), namespace=namespace, name=settings.event_source)
    if source is None:
        fix = "apply rendered/events, or correct events.event_source"
        told = f"{namespace} has no EventSource {settings.event_source}"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=told, fix=fix)
    else:
        yield conditions(check, source)
        if settings.event_name not in (source["spec"].get("github") or {}):
            told = f"EventSource {settings.event_source} has no GitHub event {settings.event_name}: no push comes in"
            fix = "merge the rendered event into it, or correct events.event_name"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=told, fix=fix)
    sensor = installation.find(_argo("sensors"), namespace=namespace, name=SENSOR)
    if sensor is not None:
        yield conditions(check, sensor)


def webhook(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Something answers where the webhook goes."""
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
            check=check, status=CheckStatus.OK, found=f"Service {service} has {len(ready)} ready endpoints"
        )
    else:
        yield CheckResult(
            check=check,
            status=CheckStatus.WRONG,
            found=f"Service {service} in {namespace} has no endpoint that is ready: GitHub's webhooks get no answer",
            fix=f"kubectl -n {namespace} get pods -l eventsource-name={source}",
        )


def schedule(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Reconcile is not suspended, and ran lately."""
    namespace = installation.settings.namespaces.workflows
    found = installation.find(_argo("cronworkflows"), namespace=namespace, name=RECONCILE)
    if found is None:
        return  # its absence is a finding of `drift`
    last = (found.get("status") or {}).get("lastScheduledTime")
    since = installation.now - (parse_time(last) if last else parse_time(found["metadata"]["creationTimestamp"]))
    if found["spec"].get("suspend"):
        resumed = '{"spec": {"suspend": false}}'
        fix = f"kubectl -n {namespace} patch cronworkflow {RECONCILE} --type merge -p '{resumed}'"
        told = "reconcile is suspended: what goes wrong stays so"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=told, fix=fix)
    elif since > _LATE:
        told = f"reconcile has not run for {int(since.total_seconds())} s"
        fix = "see that Argo's controller runs and manages this namespace"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=told, fix=fix)
    else:
        told = "reconcile ran lately" if last else "reconcile was installed a moment ago"
        yield CheckResult(check=check, status=CheckStatus.OK, found=told)


def escalated_tasks(installation: Installation, check: str) -> Iterator[CheckResult]:
    """No task waits for a person."""
    namespace = installation.settings.namespaces.workflows
    waiting = [
        each["metadata"]["name"] for each in installation.kube.list(LEASES, namespace=namespace, labels=ATTENTION_LABEL)
    ]
    if waiting:
        told = f"{len(waiting)} tasks wait for a person: {', '.join(waiting[:3])}"
        fix = "agent-cancellation status; mend them, then remove the label agent-cancellation/needs-attention"
        yield CheckResult(check=check, status=CheckStatus.WARNING, found=told, fix=fix)
    else:
        yield CheckResult(check=check, status=CheckStatus.OK, found="no task waits for a person")
