"""The operations: the reads and changes of each request, and the permissions that it needs.

Guarantees: an operation runs to its end or raises before it changed anything. `GitHub` calls it under the lock.
Does not: know about faults, limits or call records.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.doubles.github import comments, labels
from tests.doubles.github.answers import timestamp
from tests.doubles.github.messages import DOCS, ApiError, Response, invalid, json_response, not_found
from tests.doubles.github.operation import Operation, Parts, pull_of
from tests.doubles.github.paging import cursor_page_of, page_of
from tests.doubles.github.permissions import authorize

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.github.world import PullRequest

_REDIRECTS = "/guides/best-practices-for-using-the-rest-api#follow-redirects"
_COLLABORATORS = "/collaborators/collaborators#get-repository-permissions-for-a-user"
_READ_PULLS = (("pull_requests", "read"),)
_DAY_S = 86400
_PERIODS_S = {"day": _DAY_S, "week": 7 * _DAY_S, "month": 30 * _DAY_S, "quarter": 90 * _DAY_S, "year": 365 * _DAY_S}
_SORTS: dict[str, Callable[[PullRequest], float]] = {
    "created": lambda pull: pull.number,
    "updated": lambda pull: pull.updated_at,
    # Nothing here has comments or ages, so these sorts fall back to the order of creation.
    "popularity": lambda pull: pull.number,
    "long-running": lambda pull: pull.number,
}


def route(operation: Operation) -> Response:
    """Run the operation that the request names.

    Raises:
        ApiError: whatever GitHub would answer instead.
    """
    operation = _by_name(operation)
    if (moved := _redirect(operation)) is not None:
        return moved
    request = operation.request
    for method, pattern, run in _ROUTES:
        match = pattern.fullmatch(request.path)
        if match and method == request.method:
            return run(operation, {key: unquote(value) for key, value in match.groupdict().items()})
    raise not_found()


def _by_name(operation: Operation) -> Operation:
    """Turn `/repositories/{id}`, which redirects point at, into the path by name."""
    match = re.fullmatch(r"/repositories/(\d+)(/.*)?", operation.request.path)
    known = (each for each in operation.world.repositories.values() if match and each.id == int(match[1]))
    if match is None or (found := next(known, None)) is None:
        return operation
    return replace(operation, request=replace(operation.request, path=f"/repos/{found.full_name}{match[2] or ''}"))


def _redirect(operation: Operation) -> Response | None:
    """Redirect what asks for a repository by its former name: 301 for a read, 307 for a write."""
    request = operation.request
    match = re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)?", request.path)
    moved = operation.world.former.get(unquote(match[1]).lower()) if match else None
    if match is None or moved is None or operation.world.repository(unquote(match[1])):
        return None
    authorize(operation.principal, moved, needs=(("metadata", "read"),))
    query = f"?{request.query}" if request.query else ""
    where = f"{request.base_url}/repositories/{moved.id}{match[2] or ''}{query}"
    status, message = (301, "Moved Permanently") if request.method == "GET" else (307, "Temporary Redirect")
    content = {"message": message, "url": where, "documentation_url": f"{DOCS}{_REDIRECTS}"}
    return json_response(status=status, content=content, headers={"location": where})


def _get_repository(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=(("metadata", "read"),))
    return json_response(status=200, content=operation.answers.repository(repository, full=True))


def _list_pulls(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_READ_PULLS)
    query = operation.request.parameters()
    state, sort = query.get("state", "open"), query.get("sort", "created")
    if state not in {"open", "closed", "all"}:
        raise invalid(resource="PullRequest", field_name="state", code="invalid")
    if sort not in _SORTS:
        raise invalid(resource="PullRequest", field_name="sort", code="invalid")
    direction = query.get("direction", "desc" if sort == "created" else "asc")
    found = [pull for pull in repository.pulls.values() if state in {"all", pull.state}]
    owner, colon, ref = query.get("head", "").partition(":")
    # Without a colon GitHub ignores the filter: a bare branch name lists every pull request.
    if colon:
        found = [pull for pull in found if pull.head_owner.lower() == owner.lower() and pull.head_ref == ref]
    if "base" in query:
        found = [pull for pull in found if pull.base_ref == query["base"]]
    found.sort(key=_SORTS[sort], reverse=direction == "desc")
    page, headers = page_of(operation.request, found)
    content = [operation.answers.pull(repository, pull) for pull in page]
    return json_response(status=200, content=content, headers=headers)


def _get_pull(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_READ_PULLS)
    pull = pull_of(repository, parts, documentation="/pulls/pulls#get-a-pull-request")
    return json_response(status=200, content=operation.answers.pull(repository, pull, full=True))


def _list_activity(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=(("contents", "read"),))
    query = operation.request.parameters()
    found = list(repository.activities)
    if "ref" in query:
        found = [entry for entry in found if query["ref"] in {entry.ref, entry.ref.removeprefix("refs/heads/")}]
    if "actor" in query:
        found = [entry for entry in found if entry.actor.lower() == query["actor"].lower()]
    if "activity_type" in query:
        found = [entry for entry in found if entry.type == query["activity_type"]]
    if "time_period" in query:
        if query["time_period"] not in _PERIODS_S:
            raise ApiError(status=422, message="Validation Failed", errors=["time_period is not a known period"])
        since = operation.now - _PERIODS_S[query["time_period"]]
        found = [entry for entry in found if entry.at >= since]
    if query.get("direction") == "asc":
        found.reverse()
    page, headers = cursor_page_of(operation.request, found)
    content = [operation.answers.activity(entry) for entry in page]
    return json_response(status=200, content=content, headers=headers)


def _get_permission(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=(("metadata", "read"),))
    principal = operation.principal
    if principal is None:
        raise ApiError(status=401, message="Requires authentication")
    # Seen with personal tokens; an installation needs no more than the metadata.
    if principal.kind == "user" and not any(level == "write" for level in principal.permissions.values()):
        raise ApiError(status=403, message="Must have push access to view collaborator permission.")
    account = operation.world.accounts.get(parts["login"].lower())
    if account is None:
        raise not_found(message=f"{parts['login']} is not a user", documentation=_COLLABORATORS)
    role = repository.roles.get(account.login.lower(), "none" if repository.private else "read")
    return json_response(status=200, content=operation.answers.permission(account, role))


def _rate_limit(operation: Operation, parts: Parts) -> Response:
    del parts
    usage = operation.limits.usage(operation.principal.name if operation.principal else None)
    values = {
        "limit": usage.limit,
        "used": usage.used,
        "remaining": usage.remaining,
        "reset": usage.reset,
    }
    return json_response(status=200, content={"resources": {"core": values, "search": values}, "rate": values})


def _create_token(operation: Operation, parts: Parts) -> Response:
    answer = operation.access.issue(
        authorization=operation.request.header("authorization"),
        installation_id=int(parts["id"]),
        wanted=operation.request.json(),
    )
    return json_response(status=201, content={**answer, "expires_at": timestamp(answer["expires_at"])})


def _get_app(operation: Operation, parts: Parts) -> Response:
    del parts
    found = operation.access.app(operation.request.header("authorization"))
    return json_response(status=200, content=operation.answers.own_app(found))


def _list_hooks(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=(("metadata", "read"),))
    principal = operation.principal
    if principal is None or not principal.may(permission="repository_hooks", level="read"):
        # A public repository does not show its webhooks either.
        if principal is not None and principal.kind == "installation":
            raise ApiError(status=403, message="Resource not accessible by integration")
        raise not_found(documentation="/repos/webhooks#list-repository-webhooks")
    page, headers = page_of(operation.request, repository.hooks)
    content = [operation.answers.hook(repository, hook) for hook in page]
    return json_response(status=200, content=content, headers=headers)


_REPO = r"/repos/(?P<owner>[^/]+)/(?P<repo>[^/]+)"
_LABELS = _REPO + r"/issues/(?P<number>\d+)/labels"
_COMMENTS = _REPO + r"/issues/(?P<number>\d+)/comments"
_ROUTES: tuple[tuple[str, re.Pattern[str], Callable[[Operation, Parts], Response]], ...] = (
    ("GET", re.compile(_REPO), _get_repository),
    ("GET", re.compile(_REPO + r"/pulls"), _list_pulls),
    ("GET", re.compile(_REPO + r"/pulls/(?P<number>\d+)"), _get_pull),
    ("GET", re.compile(_REPO + r"/labels/(?P<name>.+)"), labels.get_label),
    ("GET", re.compile(_LABELS), labels.list_labels),
    ("POST", re.compile(_LABELS), labels.add_labels),
    ("PUT", re.compile(_LABELS), labels.replace_labels),
    ("DELETE", re.compile(_LABELS), labels.remove_labels),
    # Names with a slash, such as kind/bug, are found whether or not the client encodes the slash.
    ("DELETE", re.compile(_LABELS + r"/(?P<name>.+)"), labels.remove_label),
    ("GET", re.compile(_COMMENTS), comments.list_comments),
    ("POST", re.compile(_COMMENTS), comments.add_comment),
    ("PATCH", re.compile(_REPO + r"/issues/comments/(?P<comment>\d+)"), comments.edit_comment),
    ("GET", re.compile(_REPO + r"/activity"), _list_activity),
    ("GET", re.compile(_REPO + r"/collaborators/(?P<login>[^/]+)/permission"), _get_permission),
    ("GET", re.compile(_REPO + r"/hooks"), _list_hooks),
    ("GET", re.compile(r"/app"), _get_app),
    ("GET", re.compile(r"/user"), comments.get_user),
    ("GET", re.compile(r"/rate_limit"), _rate_limit),
    ("POST", re.compile(r"/app/installations/(?P<id>\d+)/access_tokens"), _create_token),
)
