"""The check of what GitHub sends: the events of the settings, by the webhook of Argo Events, an App or a repository.

Guarantees that a webhook which these credentials may not read is said to be unread, and never counts as right or wrong.
Not guaranteed: that a webhook leads to this cluster; its address may be that of a proxy. Webhooks of organisations are
not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.client import connect_app, connect_github
from pipelines.doctor.check import CheckResult, CheckStatus
from pipelines.doctor.credentials import github_values
from pipelines.doctor.events import github_event
from pipelines.manifests import webhook_events
from steps.core import ForbiddenError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipelines.doctor.check import Installation

_ALL = "*"
# With one of these, Argo Events creates the webhook, with the events of the EventSource.
_CREATES = ("apiToken", "githubApp")


def subscription(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that GitHub sends the events that the settings need."""
    wanted, name = webhook_events(installation.settings), installation.settings.events.event_source
    event = github_event(installation) or {}
    if any(event.get(key) for key in _CREATES):
        fix = f"add them to the events of EventSource {name}"
        sender = f"the webhook that EventSource {name} creates"
        yield _judged(check, sender=sender, wanted=wanted, sent=event.get("events") or (), fix=fix)
        return
    token, found = installation.env.get("GITHUB_TOKEN", ""), github_values(installation)
    if found.get("app-id") and not found.get("token"):
        sent = connect_app(installation.settings.github, found=found, where="the Secret").app_events()
        if sent:
            fix = "subscribe the App to them, on its page at GitHub under Permissions & events"
            yield _judged(check, sender="the App's webhook", wanted=wanted, sent=sent, fix=fix)
            return
    yield from _of_repositories(installation, check, found={"token": token} if token else found, wanted=wanted)


def _of_repositories(
    installation: Installation, check: str, *, found: Mapping[str, str], wanted: list[str]
) -> Iterator[CheckResult]:
    """Check the webhooks of the repositories that the settings name."""
    github = connect_github(installation.settings.github, found=found, where="the Secret")
    unread = [each for each in installation.settings.events.repositories if each.endswith("/*")]
    for repository in installation.settings.events.named:
        try:
            hooks = [each for each in github.hooks(repository=repository) if each.active]
        except (ForbiddenError, NotFoundError):
            unread.append(repository)
            continue
        # Those that send no pushes are for something else.
        sent = {event for each in hooks if {"push", _ALL} & set(each.events) for event in each.events}
        fix = f"add them to the webhook of {repository} at GitHub, unless one of its organisation sends them"
        yield _judged(check, sender=f"the webhook of {repository}", wanted=wanted, sent=sent, fix=fix)
    if unread:
        problem = f"whether GitHub sends {', '.join(wanted)} of {', '.join(unread)} cannot be checked"
        yield CheckResult(
            check=check,
            status=CheckStatus.INFO,
            found=f"{problem}: these credentials may not read webhooks",
            fix="look at the webhook's page at GitHub, or run this with a GITHUB_TOKEN of an administrator",
        )


def _judged(check: str, *, sender: str, wanted: list[str], sent: Iterable[str], fix: str) -> CheckResult:
    missing = [] if _ALL in sent else [each for each in wanted if each not in sent]
    if missing:
        problem = f"{sender} does not send {', '.join(missing)}: nothing reacts to them"
        return CheckResult(check=check, status=CheckStatus.WARNING, found=problem, fix=fix)
    return CheckResult(check=check, status=CheckStatus.OK, found=f"{sender} sends {', '.join(wanted)}")
