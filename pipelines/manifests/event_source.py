"""The EventSource of GitHub's signed webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.manifests.pod_template import event_bus, event_pod
from pipelines.names import APP

if TYPE_CHECKING:
    from pipelines.settings import Settings


def webhook_events(settings: Settings) -> list[str]:
    """List the events that GitHub has to send."""
    pulls = {"closed", "opened"} & set(settings.events.react_to)
    comments = "commands" in settings.events.react_to
    return ["push", *(["pull_request"] if pulls else []), *(["issue_comment"] if comments else [])]


def event_source_manifest(settings: Settings) -> dict[str, Any]:
    """Build the EventSource. With an empty Secret, Argo Events checks no signature; `doctor` finds that."""
    owners: dict[str, list[str]] = {}
    for repository in settings.events.repositories:
        owner, _, name = repository.partition("/")
        owners.setdefault(owner, []).append(name)
    whole = [owner for owner, names in owners.items() if "*" in names]
    sources: dict[str, Any] = {"organizations": whole} if whole else {}
    if some := {owner: names for owner, names in owners.items() if owner not in whole}:
        sources["repositories"] = [{"owner": owner, "names": names} for owner, names in some.items()]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "EventSource",
        "metadata": {
            "name": settings.events.event_source,
            "namespace": settings.namespaces.events,
            "labels": dict(APP),
        },
        "spec": {
            **event_bus(settings),
            "template": event_pod(settings),
            "service": {"ports": [{"port": 12000, "targetPort": 12000}]},
            "github": {
                settings.events.event_name: {
                    **sources,
                    "webhook": {
                        "endpoint": "/github/webhook",
                        "port": "12000",
                        "method": "POST",
                        "maxPayloadSize": settings.events.max_payload_bytes,
                    },
                    "events": webhook_events(settings),
                    "contentType": "json",
                    "active": True,
                    "webhookSecret": {"name": settings.events.webhook_secret, "key": "secret"},
                }
            },
        },
    }
