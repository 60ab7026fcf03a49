"""The manifest of the GitHub App: the permissions that the steps use, and the events that the Sensor reacts to.

Guarantees that no permission is asked for which nothing here uses. GitHub takes a permission on pull requests for their
labels and comments too, so write access to issues is never needed. Not guaranteed: that a repository has the label that
is added. Only with write access to issues does GitHub create it. Pure.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipelines.manifests import webhook_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.settings import Settings

# GitHub wants read access to what an App's webhook tells of.
_EVENT_ACCESS = {"issue_comment": "issues"}


def github_app_manifest(settings: Settings, *, name: str, url: str, webhook: str) -> dict[str, Any]:
    """Build the manifest.

    Args:
        settings: Which events count.
        name: Name of the App, unique at GitHub.
        url: Homepage of the App; GitHub leads there with the code.
        webhook: Address of the EventSource; empty if the webhook belongs to the repository or organisation.
    """
    permissions = {"metadata": "read", "pull_requests": "write", "contents": "read"}
    events = webhook_events(settings) if webhook else []
    permissions |= {_EVENT_ACCESS[event]: "read" for event in events if event in _EVENT_ACCESS}
    manifest: dict[str, Any] = {
        "name": name,
        "url": url,
        "redirect_url": url,
        "public": False,
        "default_permissions": dict(sorted(permissions.items())),
        "default_events": events,
    }
    if webhook:
        manifest["hook_attributes"] = {"url": webhook, "active": True}
    return manifest


def web_address(settings: Settings) -> str:
    """Return the address of GitHub's web pages, from the address of its API."""
    return f"{urlsplit(settings.github.api_url).scheme}://{settings.github.site}"


def registration_page(manifest: Mapping[str, Any], *, site: str, organization: str) -> str:
    """Build a page with one button that sends the manifest to GitHub."""
    owner = f"/organizations/{organization}" if organization else ""
    action, value = f"{site}{owner}/settings/apps/new", json.dumps(manifest)
    return (
        "<!doctype html>\n"
        '<meta charset="utf-8">\n'
        f"<title>Register {html.escape(manifest['name'])}</title>\n"
        f'<form method="post" action="{html.escape(action)}">\n'
        f'  <input type="hidden" name="manifest" value="{html.escape(value)}">\n'
        "  <button>Register the GitHub App</button>\n"
        "</form>\n"
    )
