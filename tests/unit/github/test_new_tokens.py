"""GitHub may not know a new installation token for some seconds. Only a new token is given that time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from steps.core.errors import BadInputError, ForbiddenError, NotFoundError, StepError, UnavailableError
from steps.core.retry import LAG_S
from steps.github.client import GitHub
from steps.github.credentials import build_credentials
from steps.github.sign_in import SignIn
from steps.telemetry.audit import WriteCause, WriteReason
from steps.telemetry.measurements import Measurements
from tests.doubles import github as double
from tests.doubles.github import answered, refused
from tests.support.harness import DEFAULTS, REPOSITORY, TOKEN, Scene
from tests.support.keys import PRIVATE, PUBLIC

WHY = WriteReason(cause=WriteCause.ADD_LABEL, epoch=1)
APP = {"app-id": "42", "installation-id": "7", "private-key.pem": PRIVATE}
FOREVER = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A GitHub whose clock is today's and moves with the scene's: the library signs with the machine's clock."""

    scene: Scene
    github: double.GitHub
    url: str
    kept: list[float]

    def client(self, credentials: dict[str, str] = APP, *, lag_s: float = LAG_S) -> GitHub:
        """GitHub as a step asks it, with these credentials."""
        return GitHub(
            sign_in=SignIn(build_credentials(credentials, where="here"), clock=self.scene.clock),
            settings=replace(DEFAULTS.github, api_url=self.url),
            clock=self.scene.clock,
            random=lambda: 0.5,
            while_waiting=lambda: self.kept.append(self.scene.clock.monotonic()),
            breaker=self.scene.breakers().github,
            measurements=Measurements(),
            audit=self.scene.audit(),
            lag_s=lag_s,
        )


@pytest.fixture
def site(scene: Scene) -> Iterator[Site]:
    began, today = scene.clock.monotonic(), time.time()
    github = double.GitHub(clock=lambda: today + scene.clock.monotonic() - began)
    github.add_repository(REPOSITORY)
    github.add_pull_request(head="task-7-work", sha="a" * 40)
    github.add_app(app_id=42, installation_id=7, public_key=PUBLIC)
    github.add_token(TOKEN)
    with double.serve(github) as url:
        yield Site(scene=scene, github=github, url=url, kept=[])


def read(client: GitHub) -> object:
    return client.open_pull_requests(repository=REPOSITORY, branch="task-7-work")


def write(client: GitHub) -> None:
    client.add_label(repository=REPOSITORY, number=1, label="x", reason=WHY)


@pytest.mark.parametrize("operation", [read, write])
@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("seconds", [0.1, 3, 8])
def test_a_new_token_that_is_not_known_yet_is_tried_again(
    site: Site, operation: Callable[[GitHub], object], status: int, seconds: float
) -> None:
    site.github.delay_new_tokens(seconds, status=status)
    began = site.scene.clock.monotonic()
    operation(site.client())
    assert seconds <= site.scene.clock.monotonic() - began <= seconds + 2
    assert [call.path for call in site.github.calls].count("/app/installations/7/access_tokens") == 1
    assert seconds < 1 or len(site.kept) >= seconds - 1, "the Lease is renewed meanwhile"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_after_ten_seconds_the_refusal_is_final(site: Site, status: int) -> None:
    site.github.delay_new_tokens(60, status=status)
    began = site.scene.clock.monotonic()
    with pytest.raises(StepError) as caught:
        site.client().pull_request(repository=REPOSITORY, number=1)
    assert isinstance(caught.value, NotFoundError if status == 404 else ForbiddenError)
    assert 10 <= site.scene.clock.monotonic() - began <= 12


def test_a_token_that_was_accepted_may_still_be_unknown_elsewhere(site: Site) -> None:
    client = site.client()
    read(client)
    site.github.fault(refused(401, "Bad credentials"), times=2)
    read(client)


@pytest.mark.parametrize(("status", "message"), [(403, "Resource not accessible by integration"), (404, "Not Found")])
def test_a_token_that_was_accepted_is_refused_at_once_for_what_it_may_not(
    site: Site, status: int, message: str
) -> None:
    client = site.client(lag_s=0)
    read(client)
    site.github.fault(refused(status, message), times=FOREVER)
    began = site.scene.clock.monotonic()
    with pytest.raises(StepError):
        client.pull_request(repository=REPOSITORY, number=1)
    assert site.scene.clock.monotonic() == began


@pytest.mark.parametrize("message", ["Repository was archived so is read-only.", "Label does not exist"])
def test_a_refusal_that_is_not_about_the_token_is_final(site: Site, message: str) -> None:
    site.github.fault(refused(403, message), path="^/repos", times=FOREVER)
    with pytest.raises(ForbiddenError):
        read(site.client())
    assert len(site.github.calls) == 2


def test_the_token_of_a_secret_is_given_no_time(site: Site) -> None:
    site.github.fault(refused(401, "Bad credentials"), times=FOREVER)
    with pytest.raises(ForbiddenError):
        read(site.client({"token": TOKEN}))
    assert len(site.github.calls) == 1


def test_an_old_token_is_given_no_time(site: Site) -> None:
    client = site.client()
    read(client)
    site.scene.later(11)
    site.github.calls.clear()
    site.github.fault(refused(401, "Bad credentials"), times=FOREVER)
    with pytest.raises(ForbiddenError):
        read(client)
    assert len(site.github.calls) == 1


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        "null",
        '{"token": null}',
        '{"token": 5, "expires_at": "2099-01-01T00:00:00Z"}',
        '{"token": "ghs_x", "expires_at": "soon"}',
        '{"token": "ghs_x"}',
        "<html>",
        "",
    ],
)
def test_a_sign_in_without_a_token_is_not_an_answer(site: Site, body: str) -> None:
    site.github.fault(answered(body, status=201, kind="application/json"), path="access_tokens", times=FOREVER)
    with pytest.raises(UnavailableError, match=r"github\.api_url"):
        read(site.client())
    assert {call.path for call in site.github.calls} == {"/app/installations/7/access_tokens"}


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_sign_in_is_not_redirected(site: Site, status: int) -> None:
    elsewhere = answered("{}", status=status, headers={"location": "https://login.example.com/"})
    site.github.fault(elsewhere, path="access_tokens", times=FOREVER)
    with pytest.raises(StepError, match=r"redirected to login\.example\.com"):
        read(site.client())


@pytest.mark.parametrize(
    ("status", "message", "error", "advice"),
    [
        (404, "Not Found", ForbiddenError, "correct installation-id in the Secret"),
        (404, "Integration not found", ForbiddenError, "correct app-id in the Secret"),
        (403, "This installation has been suspended", ForbiddenError, "unsuspend the GitHub App's installation"),
        (401, "'Expiration time' claim ('exp') is too far in the future", ForbiddenError, "correct the clock"),
        (422, "The permissions requested are not granted to this installation.", BadInputError, "accept the change"),
    ],
)
def test_a_sign_in_that_is_refused_has_its_own_advice_and_no_second_attempt(
    site: Site, status: int, message: str, error: type[StepError], advice: str
) -> None:
    site.github.fault(refused(status, message), path="access_tokens", times=FOREVER)
    with pytest.raises(StepError) as caught:
        read(site.client())
    assert type(caught.value) is error
    assert advice in str(caught.value)
    assert len(site.github.calls) == 1
