"""The operations on a pull request's labels.

Guarantees: GitHub's own semantics, the lost updates of `PUT` included; a refused request changes nothing.
"""

from __future__ import annotations

from typing import Any

from tests.doubles.github.messages import ApiError, Request, Response, invalid, json_response, not_found
from tests.doubles.github.operation import Operation, Parts, pull_of
from tests.doubles.github.paging import page_of
from tests.doubles.github.world import MAX_LABEL_LENGTH, MAX_LABELS, PullRequest, Repository

_DOCUMENTATION = "/issues/labels"
_READ_LABELS = (("issues", "read"), ("pull_requests", "read"))
_WRITE_LABELS = (("issues", "write"), ("pull_requests", "write"))


def get_label(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_READ_LABELS)
    label = repository.labels.get(parts["name"].lower())
    if label is None:
        raise not_found(documentation=f"{_DOCUMENTATION}#get-a-label")
    return json_response(status=200, content=operation.answers.label(repository, label))


def list_labels(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_READ_LABELS)
    page, headers = page_of(
        operation.request,
        operation.answers.labels(repository, pull_of(repository, parts, documentation=_DOCUMENTATION)),
    )
    return json_response(status=200, content=page, headers=headers)


def add_labels(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_WRITE_LABELS)
    pull = pull_of(repository, parts, documentation=_DOCUMENTATION)
    return _write_labels(operation, repository, pull, (*_names(repository, pull), *_wanted(operation.request)))


def replace_labels(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_WRITE_LABELS)
    return _write_labels(
        operation, repository, pull_of(repository, parts, documentation=_DOCUMENTATION), _wanted(operation.request)
    )


def remove_label(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_WRITE_LABELS)
    pull = pull_of(repository, parts, documentation=_DOCUMENTATION)
    gone = parts["name"].lower()
    if gone not in pull.labels:
        raise not_found(message="Label does not exist", documentation=f"{_DOCUMENTATION}#remove-a-label-from-an-issue")
    kept = tuple(name for name in _names(repository, pull) if name.lower() != gone)
    return _write_labels(operation, repository, pull, kept)


def remove_labels(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_WRITE_LABELS)
    operation.world.set_labels(
        repository, pull_of(repository, parts, documentation=_DOCUMENTATION).number, (), at=operation.now
    )
    return Response(status=204)


def _names(repository: Repository, pull: PullRequest) -> tuple[str, ...]:
    return tuple(repository.labels[name].name for name in pull.labels)


def _wanted(request: Request) -> tuple[str, ...]:
    body: Any = request.json()
    wanted = body.get("labels", []) if isinstance(body, dict) else body
    if isinstance(wanted, str):
        wanted = [wanted]
    if not isinstance(wanted, list):
        raise invalid(resource="Label", field_name="labels", code="invalid")
    return tuple(_name(item.get("name") if isinstance(item, dict) else item) for item in wanted)


def _name(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise invalid(resource="Label", field_name="name", code="missing_field")
    if len(value) > MAX_LABEL_LENGTH:
        raise invalid(resource="Label", field_name="name", code="invalid")
    return value


def _write_labels(operation: Operation, repository: Repository, pull: PullRequest, names: tuple[str, ...]) -> Response:
    if len({name.lower() for name in names}) > MAX_LABELS:
        raise ApiError(
            status=422,
            message="Validation Failed",
            errors=[
                {
                    "resource": "Issue",
                    "code": "custom",
                    "field": "labels",
                    "message": "Issues cannot have more than 100 labels",
                }
            ],
        )
    _check_creation(operation, repository, names)
    changed = operation.world.set_labels(repository, pull.number, names, at=operation.now)
    return json_response(status=200, content=operation.answers.labels(repository, changed))


def _check_creation(operation: Operation, repository: Repository, names: tuple[str, ...]) -> None:
    """Refuse a label that the repository lacks: access to pull requests alone does not create one."""
    lacking = any(name.lower() not in repository.labels for name in names)
    may = operation.principal is not None and operation.principal.may(permission="issues", level="write")
    if lacking and not may:
        raise ApiError(
            status=403,
            message="You do not have permission to create labels on this repository.",
            documentation=f"{_DOCUMENTATION}#add-labels-to-an-issue",
            errors=[{"resource": "Repository", "field": "label", "code": "unauthorized"}],
        )
