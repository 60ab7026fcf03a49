"""The API server's refusals: one exception that carries the Status object which a client would read.

Guarantees: reason, code, message and details follow the real server's for the cases the double implements.
Not guaranteed: the messages of schema violations match the real ones to the letter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.doubles.kubernetes.messages import JsonObject, Response, answer

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


UNKNOWN = "Unknown"


class ApiError(Exception):
    """A request was refused."""

    def __init__(
        self,
        *,
        code: int,
        message: str,
        reason: str = "",
        details: JsonObject | None = None,
        headers: Mapping[str, str] | None = None,
        metadata: JsonObject | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or REASONS.get(code, UNKNOWN)
        self.details = details
        self.metadata = metadata or {}
        self.headers = dict(headers or {})

    def status(self) -> JsonObject:
        """Return the Status object."""
        body: JsonObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason != UNKNOWN:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        return {**body, "code": self.code}

    def response(self) -> Response:
        """Return the HTTP answer."""
        return answer(status=self.code, body=self.status(), headers=self.headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One field's violation, as it appears in `details.causes`."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a refusal is about; `kind` is used by Invalid, `plural` by everything else."""

    group: str
    plural: str
    kind: str
    name: str

    @property
    def qualified(self) -> str:
        """Return `plural.group`, or `plural` in the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def details(self) -> JsonObject:
        """Return the details that name the subject."""
        group = {"group": self.group} if self.group else {}
        return {"name": self.name, **group, "kind": self.plural}


def not_found(subject: Subject) -> ApiError:
    """Say that an object does not exist."""
    return ApiError(code=404, message=f'{subject.qualified} "{subject.name}" not found', details=subject.details())


def already_exists(subject: Subject) -> ApiError:
    """Say that an object of this name exists."""
    return ApiError(
        code=409,
        reason="AlreadyExists",
        message=f'{subject.qualified} "{subject.name}" already exists',
        details=subject.details(),
    )


def conflict(subject: Subject, because: str) -> ApiError:
    """Say that the object is not what the client believed."""
    return ApiError(
        code=409,
        message=f'Operation cannot be fulfilled on {subject.qualified} "{subject.name}": {because}',
        details=subject.details(),
    )


def invalid(subject: Subject, problems: Sequence[Problem]) -> ApiError:
    """Say which fields are wrong."""
    said = [f"{problem.field}: {problem.message}" for problem in problems]
    kind = f"{subject.kind}.{subject.group}" if subject.group else subject.kind
    causes = [{"reason": problem.reason, "message": problem.message, "field": problem.field} for problem in problems]
    text = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    group = {"group": subject.group} if subject.group else {}
    return ApiError(
        code=422,
        message=f'{kind} "{subject.name}" is invalid: {text}',
        details={"name": subject.name, **group, "kind": subject.kind, "causes": causes},
    )


def bad_request(message: str) -> ApiError:
    """Say that the request makes no sense."""
    return ApiError(code=400, message=message)


def expired(message: str, *, token: str = "") -> ApiError:
    """Say that a resource version or a continue token is too old; the token given goes on inconsistently."""
    return ApiError(code=410, message=message, metadata={"continue": token} if token else None)
