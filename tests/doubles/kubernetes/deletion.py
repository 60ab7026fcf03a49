"""Deleting: preconditions, grace periods, finalizers and propagation, in the order of the real server's registry.

Guarantees: an object with finalizers or (a scheduled Pod) with grace left only gets a deletionTimestamp; a second
DELETE changes nothing but the propagation and may only shorten a grace period; preconditions are checked first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tests.doubles.kubernetes.errors import Problem, Subject, bad_request, conflict, invalid
from tests.doubles.kubernetes.messages import JsonObject
from tests.doubles.kubernetes.registry import Registry, removable, timestamp
from tests.doubles.kubernetes.resources import BACKGROUND, FOREGROUND, ORPHAN, Resource

FOREGROUND_FINALIZER = "foregroundDeletion"
ORPHAN_FINALIZER = "orphan"
FINALIZERS = {FOREGROUND: FOREGROUND_FINALIZER, ORPHAN: ORPHAN_FINALIZER}
FINISHED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """DeleteOptions."""

    grace_period_seconds: int | None = None
    propagation: str = ""
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The last or the present state of the object, and whether it is gone."""

    item: JsonObject
    gone: bool


def parse_options(body: JsonObject, query: Mapping[str, str]) -> Options:
    """Read DeleteOptions from the body, or from the query if the body is empty."""
    kind = body.get("kind", "DeleteOptions")
    if kind != "DeleteOptions":
        raise bad_request(f"expected a DeleteOptions body, not a {kind}")
    given: Mapping[str, object] = body or query
    preconditions = body.get("preconditions") or {}
    grace, propagation = given.get("gracePeriodSeconds"), given.get("propagationPolicy")
    orphan = given.get("orphanDependents")
    refused = ""
    if orphan is not None and propagation:
        refused = "Invalid value: orphanDependents and deletionPropagation cannot be both set"
    elif propagation and propagation not in {BACKGROUND, FOREGROUND, ORPHAN}:
        refused = f'Unsupported value: "{propagation}": supported values: "Background", "Foreground", "Orphan", "nil"'
    if refused:
        subject = Subject(group="meta.k8s.io", plural="deleteoptions", kind="DeleteOptions", name="")
        raise invalid(subject, [Problem(field="propagationPolicy", message=refused)])
    if orphan is not None:
        propagation = ORPHAN if str(orphan).lower() == "true" else BACKGROUND
    return Options(
        grace_period_seconds=None if grace is None else max(int(str(grace)), 1 if int(str(grace)) < 0 else 0),
        propagation=str(propagation or ""),
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        dry_run=bool(given.get("dryRun")),
    )


def delete(registry: Registry, resource: Resource, *, namespace: str, name: str, options: Options) -> Deleted:
    """Delete an object, or begin to."""
    item = registry.read(resource, namespace=namespace, name=name)
    check_preconditions(resource, item, options)
    metadata = item["metadata"]
    new = dict(metadata)
    grace = grace_for(item, options) if resource.graceful else 0
    pending = resource.graceful and bool(metadata.get("deletionTimestamp")) and grace is None
    if pending:
        return Deleted(item=item, gone=False)
    new["finalizers"] = finalizers_for(resource, metadata.get("finalizers", []), options)
    if not new["finalizers"]:
        del new["finalizers"]
    mark(new, now=registry.clock(), grace=grace or 0)
    if resource.plural == "namespaces":
        item = {**item, "status": {"phase": "Terminating"}}
    marked = {**item, "metadata": new}
    stays = not removable(marked) or resource.plural == "namespaces"
    if options.dry_run:
        return Deleted(item=marked, gone=not stays)
    if stays:
        stored = registry.read(resource, namespace=namespace, name=name)
        return Deleted(item=stored if marked == stored else registry.store.put(resource, marked), gone=False)
    return Deleted(item=registry.store.remove(resource, namespace=namespace, name=name), gone=True)


def check_preconditions(resource: Resource, item: JsonObject, options: Options) -> None:
    """Refuse unless the object is the one, and in the state, that the client read."""
    metadata = item["metadata"]
    subject = replace(resource.subject(metadata["name"]), plural=resource.kind)
    if options.uid is not None and options.uid != metadata["uid"]:
        raise conflict(
            subject,
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({metadata['uid']}). "
            "The object might have been deleted and then recreated",
        )
    if options.resource_version is not None and options.resource_version != metadata["resourceVersion"]:
        raise conflict(
            subject,
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the ResourceVersion "
            f"in record ({metadata['resourceVersion']}). The object might have been modified",
        )


def grace_for(item: JsonObject, options: Options) -> int | None:
    """Return a Pod's grace period, or nothing if a pending deletion is to be left as it is."""
    metadata, spec = item["metadata"], item.get("spec", {})
    wanted = options.grace_period_seconds
    if metadata.get("deletionTimestamp"):
        pending = metadata.get("deletionGracePeriodSeconds", 0)
        if pending == 0:
            return 0
        return None if wanted is None or wanted >= pending else wanted
    if not spec.get("nodeName") or item.get("status", {}).get("phase") in FINISHED:
        return 0
    if wanted is not None:
        return wanted
    return int(spec.get("terminationGracePeriodSeconds", 0))


def finalizers_for(resource: Resource, present: list[str], options: Options) -> list[str]:
    """Return the finalizers with those of the garbage collector set as the propagation asks."""
    others = [each for each in present if each not in FINALIZERS.values()]
    if options.propagation:
        wanted = FINALIZERS.get(options.propagation)
    else:
        wanted = next((each for each in present if each in FINALIZERS.values()), None)
        wanted = wanted or FINALIZERS.get(resource.default_propagation)
    return [*others, wanted] if wanted else others


def mark(metadata: JsonObject, *, now: datetime, grace: int) -> None:
    """Set the deletion's time and grace; a time already set only moves nearer."""
    stamped = metadata.get("deletionTimestamp")
    when = now + timedelta(seconds=grace)
    if stamped is None:
        metadata["deletionTimestamp"] = timestamp(when)
        if "generation" in metadata:
            metadata["generation"] += 1
    elif metadata.get("deletionGracePeriodSeconds", 0) > grace:
        began = datetime.fromisoformat(stamped) - timedelta(seconds=metadata["deletionGracePeriodSeconds"])
        metadata["deletionTimestamp"] = timestamp(max(began + timedelta(seconds=grace), now.astimezone(UTC)))
    else:
        return
    metadata["deletionGracePeriodSeconds"] = grace
