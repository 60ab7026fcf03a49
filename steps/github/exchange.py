"""One request to GitHub: signed in, measured, and its answer as a value or as an error by meaning.

Guarantees that an error never quotes a request. Uses PyGithub for authentication and transport with its own retries
switched off, because they repeat writes and can sleep for hours.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import requests
from github import GithubException

from steps.core import ForbiddenError, NotFoundError, ServerClock, StepError, UnavailableError
from steps.github.answers import error_of, error_of_foreign_reply, message_of, span_name
from steps.github.redirects import error_of_redirect
from steps.github.refusals import advice
from steps.github.reply import ForeignReplyError
from steps.github.session import build_requester, unanswered
from steps.github.shapes import UnexpectedShapeError, read_text
from steps.telemetry import Measure, WriteAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from steps.core import Clock
    from steps.github.connection import Connection
    from steps.github.sign_in import SignIn
    from steps.settings import GitHubSettings
    from steps.telemetry import Measurements, Tracer


class Exchange:
    """A connection to GitHub that sends each request once."""

    def __init__(
        self,
        *,
        sign_in: SignIn,
        settings: GitHubSettings,
        route: Connection,
        clock: Clock,
        measurements: Measurements,
        tracer: Tracer,
    ) -> None:
        self._settings = settings
        self._route = route
        self._clock = clock
        self._measurements = measurements
        self._tracer = tracer
        self._requester = build_requester(auth=sign_in.auth, settings=settings, route=route)
        self.server_clock = ServerClock()
        self._sign_in = sign_in

    def send(
        self,
        verb: str,
        path: str,
        *,
        parameters: dict[str, str] | None,
        body: object,
        audited: Callable[[], AbstractContextManager[WriteAnswer]] | None,
        read: Callable[[Any], Any],
    ) -> Any:  # noqa: ANN401 - JSON, or what `read` makes of it
        """Send a request once.

        Args:
            verb: GET, POST, PATCH or DELETE.
            path: API path.
            parameters: Query.
            body: Content, sent as JSON.
            audited: Encloses a write with its line in the audit.
            read: Turns the answer into values.

        Raises:
            StepError: GitHub refused, or did not answer. The library's error is its cause.
        """
        asked, signed_in = f"{verb} {path}", False
        try:
            with self._measured():
                with self._traced("POST", "/access_tokens") if self._sign_in.is_due else nullcontext():
                    self._sign_in.ensure_token()
                signed_in = True
                enclosed = audited() if audited else nullcontext(WriteAnswer())
                with self._traced(verb, path), enclosed as answer:
                    sent = self._clock.monotonic()
                    headers, data = self._requester.requestJsonAndCheck(verb, path, parameters=parameters, input=body)
                    answer.body = data
                    arrived = self._clock.monotonic()
            found = read(data)
            self.server_clock.observe(headers.get("date"), sent=sent, arrived=arrived, age=headers.get("age"))
        except GithubException as error:
            raise self._refusal(asked, error, path=path if signed_in else "") from error
        except ForeignReplyError as error:
            raise error_of_foreign_reply(asked, error, host=self._settings.host) from error
        except UnexpectedShapeError as error:
            raise UnavailableError(
                f"GitHub: {asked}: {self._settings.host}: the answer is not as documented ({error}): check "
                "github.api_url and github.proxy; a proxy may have answered"
            ) from error
        except requests.RequestException as error:
            raise unanswered(asked, error, host=self._settings.host, route=self._route) from error
        self._sign_in.accepted()
        return found

    def may_end(self, error: BaseException) -> bool:
        """Whether a refusal may end by itself: GitHub may not know a new token yet."""
        return self._sign_in.may_be_unknown(error.__cause__)

    def _refusal(self, asked: str, error: GithubException, *, path: str) -> StepError:
        """Return the error for a refusal or a redirect.

        Args:
            asked: Verb and path, for the text.
            error: The refusal.
            path: The path; empty if the App could not sign in.
        """
        if error.status < 400:  # noqa: PLR2004 - HTTP
            return error_of_redirect(
                asked,
                path=path,
                status=error.status,
                location=(error.headers or {}).get("location", ""),
                api_url=self._settings.api_url,
                name_of=self._name_of,
            )
        problem = error_of(asked, error, now=self._clock.now().timestamp())
        if isinstance(problem, NotFoundError) and not path:
            fix = advice(error.status, message_of(error)) or "correct installation-id in the Secret"
            return ForbiddenError(f"GitHub refuses the App's sign-in (404): {fix}")
        return problem

    def _name_of(self, path: str) -> str:
        """Return the full name of the repository at a path of the API; empty if GitHub does not say."""
        try:
            with self._measured(), self._traced("GET", path):
                _, found = self._requester.requestJsonAndCheck("GET", path)
            return read_text(found, "full_name")
        except (GithubException, ForeignReplyError, UnexpectedShapeError, requests.RequestException):
            return ""

    @contextmanager
    def _traced(self, verb: str, path: str) -> Iterator[None]:
        with self._tracer.request(span_name(verb, path), **{"http.request.method": verb}) as span:
            try:
                yield
            except (GithubException, ForeignReplyError) as error:
                if span:
                    span.attributes["http.response.status_code"] = error.status
                raise

    @contextmanager
    def _measured(self) -> Iterator[None]:
        """Count a request and its time. A refusal is an answer; an outage or a redirect is none."""
        began, result = self._clock.monotonic(), Measure.GITHUB_FAILED
        try:
            yield
            result = Measure.GITHUB_ANSWERED
        except GithubException as error:
            answered = 400 <= error.status < 500  # noqa: PLR2004 - HTTP
            result = Measure.GITHUB_ANSWERED if answered else Measure.GITHUB_FAILED
            raise
        finally:
            self._measurements.add(result, 1)
            self._measurements.add(Measure.GITHUB_S, self._clock.monotonic() - began)
