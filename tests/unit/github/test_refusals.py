"""Each cause of a refusal has its own advice; a rate limit is one in whatever words."""

from __future__ import annotations

import pytest

from steps.core.errors import BadInputError, Exit, ForbiddenError, NotFoundError, RateLimitedError, StepError
from steps.github.client import GitHub
from steps.github.refusals import SECONDARY_LIMIT_S
from tests.doubles.github import answered, refused, secondary_limited
from tests.support.harness import REPOSITORY, Scene
from tests.support.scenarios import stale_push

FOREVER = 100
CLOCK = "correct the clock of this machine"
APP_RIGHTS = "give the App read and write access to pull requests and issues, and accept the change"
TOKEN_RIGHTS = "give the token read and write access to pull requests and issues"
EITHER = "give the App or token read and write access to pull requests and issues"
SECRET = "renew the Secret"
ALLOW_LIST = (
    "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list "
    "enabled, and your IP address is not permitted to access this resource."
)
SAML = (
    "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization."
)
OAUTH_APPS = (
    "Although you appear to have the correct authorization credentials, the `acme` organization has enabled OAuth App "
    "access restrictions, meaning that data access to third-parties is limited."
)
CLASSIC = (
    "`acme` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a personal "
    "access token with fine-grained permissions."
)
FINE_GRAINED = "`acme` forbids access via a fine-grained personal access token. Please use a GitHub App."
LIFETIME = (
    "forbids access via a fine-grained personal access tokens if the token's lifetime is greater than 366 days. Please "
    "adjust your token's lifetime at the following URL: https://github.com/settings/personal-access-tokens/1"
)
CLASSIC_LIFETIME = (
    "forbids access via a personal access tokens (classic) if the token's lifetime is greater than 365 days. Please "
    "adjust your token's lifetime at the following URL: https://github.com/settings/tokens/1"
)
NO_LABEL = "You do not have permission to create labels on this repository."
ISSUED = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
EXPIRES = "'Expiration time' claim ('exp') must be a numeric value representing the future time"
ADVICE = (
    (403, ALLOW_LIST, "to the IP allow list"),
    (403, SAML, "authorize the token for the organization's single sign-on"),
    (403, "Repository was archived so is read-only.", "unarchive the repository"),
    (403, "This installation has been suspended", "unsuspend the GitHub App's installation, or the account"),
    (403, "Sorry. Your account was suspended.", "unsuspend the GitHub App's installation, or the account"),
    (403, "Unable to create comment because issue is locked.", "unlock the conversation"),
    (403, "Repository has been locked for migration.", "wait for the end of the repository's migration"),
    (403, "Repository access blocked", "ask GitHub Support"),
    (451, "Repository access blocked", "ask GitHub Support"),
    (403, "User is blocked", "unblock the account"),
    (403, "Resource not accessible by integration", APP_RIGHTS),
    (403, "Resource not accessible by personal access token", TOKEN_RIGHTS),
    (403, "Must have admin rights to Repository.", EITHER),
    (403, NO_LABEL, "create the label in the repository, or give the App or token write access to issues"),
    (403, OAUTH_APPS, "ask an owner of the organization to approve the OAuth App, or use a GitHub App"),
    (403, CLASSIC, "use a GitHub App, or a fine-grained token"),
    (403, FINE_GRAINED, "use a GitHub App, or ask an owner of the organization to allow fine-grained tokens"),
    (403, f"The 'acme' organization {LIFETIME}", "make a token that expires sooner"),
    (403, f"The 'ACME, Inc.' enterprise {CLASSIC_LIFETIME}", "make a token that expires sooner"),
    (401, "Bad credentials", f"the token is wrong, revoked or expired: {SECRET}"),
    (401, "Requires authentication", f"the credentials are wrong or have expired, {SECRET}"),
    (401, ISSUED, CLOCK),
    (401, "'Expiration time' claim ('exp') is too far in the future", CLOCK),
    (401, EXPIRES, CLOCK),
    (401, "A JSON web token could not be decoded", "correct app-id and private-key.pem in the Secret"),
)
LIMITED = (
    "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.",
    "You have triggered an abuse detection mechanism and Please retry your request again later.",
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    "API rate limit exceeded for installation ID 7.",
)


def error_of(status: int, message: str, *, scene: Scene, client: GitHub) -> StepError:
    scene.github.fault(refused(status, message), times=FOREVER)
    with pytest.raises(StepError) as caught:
        client.pull_request(repository=REPOSITORY, number=1)
    return caught.value


@pytest.mark.parametrize(("status", "message", "advice"), ADVICE)
def test_each_cause_has_its_own_advice(scene: Scene, client: GitHub, status: int, message: str, advice: str) -> None:
    error = error_of(status, message, scene=scene, client=client)
    assert type(error) is ForbiddenError
    assert f"{status} {message[:60]}" in str(error)
    assert advice in str(error)
    known = {row[2] for row in ADVICE if row[2] not in advice}
    assert not any(each in str(error) for each in known)
    assert len(scene.github.calls) == 1, "no retry changes it"


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("message", LIMITED)
def test_a_rate_limit_without_headers_is_one_by_its_words(
    scene: Scene, client: GitHub, status: int, message: str
) -> None:
    error = error_of(status, message, scene=scene, client=client)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after_s == SECONDARY_LIMIT_S


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failing_server_that_says_when_to_come_back_is_given_that_time(
    scene: Scene, client: GitHub, status: int
) -> None:
    scene.github.fault(answered("", status=status, headers={"retry-after": "17"}))
    began = scene.clock.monotonic()
    client.pull_request(repository=REPOSITORY, number=1)
    assert 17 <= scene.clock.monotonic() - began < 19


def test_a_limit_of_no_seconds_keeps_no_other_pod_waiting(scene: Scene, client: GitHub) -> None:
    scene.github.fault(secondary_limited(retry_after=0))
    client.pull_request(repository=REPOSITORY, number=1)
    assert scene.breakers().github.enter() == 0


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (404, "Not Found", NotFoundError),
        (410, "This issue was deleted", NotFoundError),
        (422, "Validation Failed", BadInputError),
        (400, "Problems parsing JSON", BadInputError),
    ],
)
def test_what_is_neither_a_right_nor_a_limit_has_its_own_error(
    scene: Scene, client: GitHub, status: int, message: str, error: type[StepError]
) -> None:
    assert type(error_of(status, message, scene=scene, client=client)) is error


@pytest.mark.parametrize(("status", "message", "advice"), ADVICE[:2])
def test_the_advice_is_in_the_record(scene: Scene, status: int, message: str, advice: str) -> None:
    workflow = stale_push(scene)
    runs = scene.runs()
    scene.github.fault(refused(status, message), method="GET", path="/pulls$", times=FOREVER)
    assert scene.play(workflow) is Exit.FORBIDDEN
    assert scene.runs() == runs
    assert advice in scene.record().errors[-1]
